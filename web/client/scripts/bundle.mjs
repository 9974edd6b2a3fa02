/**
 * Writes the browser client as one file for pages without a build step, into the Python package, which serves it.
 *
 * It exports the same names as the package, so code for a bundler works with it under another address. Bindings for
 * frameworks are omitted: an application with a framework has a build. It is built from source and with the bundler
 * inside Vite, so that a wheel needs no packages beyond those of the demo's page: bundle.mjs [FILE]
 */

import { fileURLToPath } from "node:url";
import { build } from "rolldown";

const at = (path) => fileURLToPath(new URL(path, import.meta.url));
const [file = at("../../../src/gatepass/server/endpoints/gatepass.js")] = process.argv.slice(2);

const ENTRIES = [
  ...["index", "fetch", "links", "account", "providers", "passkeys", "factors", "mail-codes"],
  ...["errors", "retry", "loading", "events", "live"],
];
const ALL = "all-entries";

await build({
  input: ALL,
  plugins: [
    {
      name: ALL,
      resolveId: (id) => (id === ALL ? id : null),
      load: (id) =>
        id === ALL
          ? ENTRIES.map((name) => `export * from ${JSON.stringify(at(`../src/${name}.ts`))};`).join("\n")
          : null,
    },
  ],
  resolve: { extensionAlias: { ".js": [".ts", ".js"] } },
  transform: { target: "es2022" },
  treeshake: { moduleSideEffects: false },
  output: {
    file,
    format: "es",
    // One file has what a bundler would load later, too.
    codeSplitting: false,
    minify: true,
    comments: false,
    // Without a version: servers answer everybody with this file, and must not say which release they are (ASVS 13.4.6).
    postBanner: "/* Gatepass, MIT licence. Readable source: the npm package gatepass. */",
  },
});
