/** Builds the page into the Python package, so that the wheel carries it and users need no Node. */

import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";

const server = "http://localhost:8000";

export default defineConfig({
  plugins: [react()],
  build: {
    outDir: "../../src/gatepass/demo/page",
    emptyOutDir: true,
    // An inlined image would be a data: address, which the page's Content-Security-Policy refuses.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
  },
  // `npm run dev` beside a running `gatepass demo`. Its answers are same-origin only, so the origin is rewritten.
  server: {
    proxy: Object.fromEntries(
      ["/auth", "/api", "/demo"].map((path) => [
        path,
        { target: server, changeOrigin: true, headers: { origin: server } },
      ]),
    ),
  },
});
