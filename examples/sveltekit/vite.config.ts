import { sveltekit } from "@sveltejs/kit/vite";
import { defineConfig } from "vite";

/** Pages and API have one origin: here by Vite, in production by the proxy in front. */
const api = process.env.API_URL ?? "http://127.0.0.1:8000";

export default defineConfig({
  plugins: [sveltekit()],
  server: { proxy: { "/auth": api, "/api": api } },
});
