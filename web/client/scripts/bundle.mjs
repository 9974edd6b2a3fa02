/**
 * Writes the browser client as one file for pages without a build step, into the Python package, which serves it.
 *
 * It exports the same names as the package, so code for a bundler works with it under another address. Bindings for
 * frameworks are omitted: an application with a framework has a build. Run after the build: bundle.mjs FILE
 */

import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const [outfile = "../../src/gatepass/server/endpoints/gatepass.js"] = process.argv.slice(2);
const resolveDir = fileURLToPath(new URL("../dist", import.meta.url));

const entries = ["index", "fetch", "account", "errors", "retry", "loading", "events"].filter((name) =>
  existsSync(`${resolveDir}/${name}.js`),
);
await build({
  stdin: { contents: entries.map((name) => `export * from "./${name}.js";`).join("\n"), resolveDir },
  bundle: true,
  minify: true,
  format: "esm",
  target: "es2022",
  legalComments: "none",
  // Without a version: servers answer everybody with this file, and must not say which release they are (ASVS 13.4.6).
  banner: { js: "/* Gatepass, MIT licence. Readable source: the npm package gatepass. */" },
  outfile,
});
