/**
 * Writes the built client as a bundler gives it to a page: a file for each entry point, and one for what several of
 * them share. A page of the browser tests then loads five files in place of thirty. Run after the build: chunks.mjs FOLDER
 */

import { readFileSync } from "node:fs";
import { basename } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "rolldown";

const at = (path) => fileURLToPath(new URL(`../${path}`, import.meta.url));
const [folder] = process.argv.slice(2);
const { exports: entries } = JSON.parse(readFileSync(at("package.json"), "utf8"));
const files = Object.values(entries).flatMap((entry) => (entry.default ? [entry.default] : []));

await build({
  input: Object.fromEntries(files.map((file) => [basename(file, ".js"), at(file)])),
  // Frameworks stay where a page has them.
  external: (id) => !/^[./]|^[A-Za-z]:/.test(id),
  output: {
    dir: folder,
    format: "es",
    chunkFileNames: "shared-[name].js",
    // What is loaded later, if at all, is a file of its own.
    codeSplitting: { groups: [{ name: "client", test: /dist/, minShareCount: 2 }] },
  },
});
