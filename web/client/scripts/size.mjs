/** Prints what each entry point costs a page (minified, gzip -9) and fails over budget. Run after the build. */

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
  ["gatepass", core, null],
  ["gatepass + gatepass/fetch", await weigh("index", "fetch"), 4_000],
  ["gatepass/axios, beyond the core", (await weigh("index", "axios")) - core, 1_000],
  ["gatepass/react, beyond the core", (await weigh("index", "react")) - core, 1_000],
  ["gatepass/redux, beyond the core", (await weigh("index", "redux")) - core, 1_000],
];
for (const [name, bytes, budget] of rows) {
  console.log(`${name.padEnd(34)} ${String(bytes).padStart(5)} B${budget ? `  of ${budget}` : ""}`);
}
process.exitCode = rows.some(([, bytes, budget]) => budget && bytes > budget) ? 1 : 0;
