import type { NextConfig } from "next";

/** Pages and API have one origin. In production a proxy in front may do this; then leave the rewrites out. */
const api = process.env.API_URL ?? "http://127.0.0.1:8000";

export default {
  rewrites: async () => [
    { source: "/auth/:path*", destination: `${api}/auth/:path*` },
    { source: "/api/:path*", destination: `${api}/api/:path*` },
  ],
} satisfies NextConfig;
