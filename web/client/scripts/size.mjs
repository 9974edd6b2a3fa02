/**
 * Prints what each entry point costs a page (minified, gzip -9) and fails when one has grown over its limit.
 *
 * The goal for core and fetch together is 4 000 B. They are above it: PROTOCOL §5 in full costs more. Their limit is
 * what they weigh now, so that they do not grow unnoticed. Run after the build.
 */

import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";

const external = ["axios", "react", "react/jsx-runtime"];

/** Bytes of a page that imports these entry points and nothing else; frameworks are not counted. */
async function weigh(...entries) {
  const contents = entries.map((entry) => `export * from "./${entry}.js";`).join("\n");
  const resolveDir = fileURLToPath(new URL("../dist", import.meta.url));
  const options = { bundle: true, minify: true, format: "esm", target: "es2022", write: false, external };
  const { outputFiles } = await build({ stdin: { contents, resolveDir }, ...options });
  return gzipSync(outputFiles[0].contents, { level: 9 }).length;
}

const core = await weigh("index");
const rows = [
  ["gatepass", core, 5_400],
  ["gatepass + gatepass/fetch", await weigh("index", "fetch"), 6_500],
  ["gatepass/axios, beyond the core", (await weigh("index", "axios")) - core, 1_000],
  ["gatepass/react, beyond the core", (await weigh("index", "react")) - core, 1_000],
  ["gatepass/redux, beyond the core", (await weigh("index", "redux")) - core, 1_000],
];
for (const [name, bytes, limit] of rows) {
  console.log(`${name.padEnd(34)} ${String(bytes).padStart(5)} B  (limit ${limit})`);
}
process.exitCode = rows.some(([, bytes, limit]) => bytes > limit) ? 1 : 0;
