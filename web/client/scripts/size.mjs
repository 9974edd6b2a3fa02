/**
 * Prints the size of each entry point (minified, gzip -9) and fails if one is over its limit.
 *
 * The goal for core and fetch together was 4 000 B. They are above it, and the limit is near their size, so that they
 * do not grow unnoticed. 1 000 B of them are the binding of sessions to a key, 150 B what it takes to leave for a provider
 * with a key and find it again, 290 B to find a session whose cookie the page cannot read, 450 B the links to images and
 * downloads, 450 B to tell a bug from a network that fails and to notice a set-up that cannot work, 150 B to fail where a
 * browser keeps no cookie, and to say why a session ended that lost it. `--parts` prints the
 * share of each file. Run after the build.
 */

import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";

const DIST = fileURLToPath(new URL("../dist", import.meta.url));
const FRAMEWORKS = /^(axios|react|react-dom|react-redux|@reduxjs|@tanstack|@opentelemetry|@sentry|redux)(\/|$)/;
const CORE = ["index"];
const CLIENT = ["index", "fetch:createClient"];

/** The three layers that most pages use. "entry:names" imports these names of an entry; without names, all. */
const LAYERS = ["retry:retry", "loading:createLoading", "events:log"];

/** Bundles these entry points; frameworks are not counted. */
async function bundle(entries) {
  const contents = entries
    .map((entry) => entry.split(":"))
    .map(([entry, names]) => `export ${names ? `{ ${names} }` : "*"} from "./${entry}.js";`)
    .join("\n");
  // What a page loads only when something is set up wrongly is not counted either.
  const external = {
    name: "frameworks",
    setup: ({ onResolve }) => {
      onResolve({ filter: FRAMEWORKS }, ({ path }) => ({ path, external: true }));
      onResolve({ filter: /./ }, ({ path, kind }) =>
        kind === "dynamic-import" ? { path, external: true } : undefined,
      );
    },
  };
  const options = { bundle: true, minify: true, format: "esm", target: "es2022", write: false, metafile: true };
  const { outputFiles, metafile } = await build({
    stdin: { contents, resolveDir: DIST },
    plugins: [external],
    ...options,
  });
  return { bytes: gzipSync(outputFiles[0].contents, { level: 9 }).length, metafile };
}

async function weigh(entries, beyond) {
  if (!entries.every((entry) => existsSync(`${DIST}/${entry.split(":")[0]}.js`))) return null;
  const { bytes } = await bundle([...(beyond ?? []), ...entries]);
  return beyond ? bytes - (await bundle(beyond)).bytes : bytes;
}

const rows = [
  ["gatepass", await weigh(CORE), 8_150],
  ["gatepass + gatepass/fetch", await weigh(CLIENT), 9_850],
  ["gatepass + createFetch", await weigh(["index", "fetch:createFetch"]), 9_300],
  ["… + createFetch", await weigh(["fetch:createFetch"], CLIENT), 500],
  ["… + graphqlRefused", await weigh(["fetch:graphqlRefused"], [...CLIENT, "fetch:createFetch"]), 300],
  ["… + retry, createLoading and log", await weigh(LAYERS, CLIENT), 2_150],
  ["… + all of these, and track", await weigh(["retry", "loading:createLoading", "events"], CLIENT), 2_350],
  ["… + showProgress", await weigh(["loading:showProgress"], [...CLIENT, ...LAYERS]), 1_000],
  ["… + sentry", await weigh(["sentry"], [...CLIENT, ...LAYERS]), 1_000],
  ["… + otel", await weigh(["otel"], [...CLIENT, ...LAYERS]), 1_000],
  ["… + account", await weigh(["account"], CLIENT), 950],
  ["… + providers", await weigh(["providers"], CLIENT), 700],
  ["… + live (openSocket)", await weigh(["live:openSocket"], CLIENT), 1_800],
  ["… + live (openEvents)", await weigh(["live:openEvents"], CLIENT), 1_850],
  ["… + live, all", await weigh(["live"], CLIENT), 2_900],
  ["… + errors (onErrors)", await weigh(["errors"], CLIENT), 550],
  ["gatepass/axios, beyond the core", await weigh(["axios"], CORE), 1_150],
  ["gatepass/server", await weigh(["server"]), 4_200],
];
const HOOKS = "react:SessionProvider,useSession,useAccount,useLoading,RequireSession,safeReturn";
for (const entry of [HOOKS, "redux", "rtk", "tanstack"]) {
  rows.push([`… + ${entry.split(":")[0]}`, await weigh([entry], [...CLIENT, ...LAYERS]), 1_000]);
}
for (const [name, bytes, limit] of rows) {
  if (bytes !== null) console.log(`${name.padEnd(34)} ${String(bytes).padStart(5)} B  (limit ${limit})`);
}

if (process.argv.includes("--parts")) {
  const { metafile } = await bundle(CLIENT);
  const { inputs } = Object.values(metafile.outputs)[0];
  console.log("\nminified, before gzip, of gatepass + gatepass/fetch:");
  for (const [path, { bytesInOutput }] of Object.entries(inputs).sort(
    (one, other) => other[1].bytesInOutput - one[1].bytesInOutput,
  )) {
    if (bytesInOutput) console.log(`${String(bytesInOutput).padStart(6)} B  ${path.replace(/^.*\//, "")}`);
  }
}
process.exitCode = rows.some(([, bytes, limit]) => bytes > limit) ? 1 : 0;
