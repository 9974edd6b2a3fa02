/** Builds the page into the Python package, so that the wheel carries it and users need no Node. */

import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";
import client from "../client/package.json" with { type: "json" };

const server = "http://localhost:8000";

/** The client's entry points, from source: the page needs no compiler, and a change is seen at once. */
const entries = Object.entries(client.exports).flatMap(([name, entry]) => {
  const stem = typeof entry === "string" ? "" : entry.default.replace("./dist/", "../client/src/").replace(/js$/, "");
  const file = [`${stem}ts`, `${stem}tsx`]
    .map((path) => fileURLToPath(new URL(path, import.meta.url)))
    .find(existsSync);
  return file ? [{ find: new RegExp(`^${name.replace(".", "gatepass")}$`), replacement: file }] : [];
});

export default defineConfig({
  plugins: [react()],
  resolve: { alias: entries },
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
