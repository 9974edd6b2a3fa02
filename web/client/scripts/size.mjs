/**
 * Prints the size of each entry point (minified, gzip -9) and fails if one is over its limit.
 *
 * The goal for core and fetch together was 4 000 B. They are above it, and the limit is near their size, so that they
 * do not grow unnoticed. `--features` prints what each thing that they can do costs, `--parts` the share of each file.
 * Run after the build.
 */

import { existsSync, readFileSync } from "node:fs";
import { basename } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";

const DIST = fileURLToPath(new URL("../dist", import.meta.url));
const FRAMEWORKS = /^(axios|react|react-dom|react-redux|@reduxjs|@tanstack|@opentelemetry|@sentry|redux)(\/|$)/;
/** What every page has. `safeReturn` is for the page where people sign in. */
const CORE = ["index:createSession,GatepassError,isGatepassError"];
const CLIENT = [...CORE, "fetch:createClient"];

/** The three layers that most pages use. "entry:names" imports these names of an entry; without names, all. */
const PASSKEYS = ["hasPasskeys", "addPasskey", "signInWithPasskey", "passkeyStep"].map((name) => `passkeys:${name}`);
const LAYERS = ["retry:retry", "loading:createLoading", "events:log"];

/** What core and fetch can do beside what they are, and the files that do it. */
const FEATURES = {
  "the answers to a refresh, and what follows": ["refresh", "endpoints"],
  "its binding to a key of this browser": ["binding-key"],
  "the state cookie, and pages of another host": ["state-cookie", "kept-cookie"],
  "signing in and out, also without a network": ["sign-in"],
  "other tabs: one refresh, one sign-out": ["tab-channel", "tab-lock"],
  "errors; a bug told from a network": ["errors"],
  "a wrong set-up noticed": ["suspicion"],
  "a computer that sleeps": ["clock"],
};
const FETCH_FEATURES = {
  "the token, a refused request once more": ["deliver", "refusal", "layer"],
  interceptors: ["interceptors"],
};

/** Bundles these entry points; frameworks are not counted. Of the files `without`, the exports are there and empty. */
async function bundle(entries, without = []) {
  const contents = entries
    .map((entry) => entry.split(":"))
    .map(([entry, names]) => `export ${names ? `{ ${names} }` : "*"} from "./${entry}.js";`)
    .join("\n");
  // What a page loads only when something is set up wrongly is not counted either.
  const external = {
    name: "frameworks",
    setup: ({ onResolve, onLoad }) => {
      onLoad({ filter: /\.js$/ }, ({ path }) => {
        if (!without.includes(basename(path, ".js"))) return undefined;
        const names = [...readFileSync(path, "utf8").matchAll(/^export (?:async )?(?:function|const|class) (\w+)/gm)];
        return { contents: names.map(([, name]) => `export var ${name};`).join("\n") };
      });
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
  ["gatepass", await weigh(CORE), 7_930],
  ["gatepass + gatepass/fetch", await weigh(CLIENT), 9_610],
  ["gatepass + createFetch", await weigh([...CORE, "fetch:createFetch"]), 8_990],
  ["… + createFetch", await weigh(["fetch:createFetch"], CLIENT), 500],
  ["… + graphqlRefused", await weigh(["fetch:graphqlRefused"], [...CLIENT, "fetch:createFetch"]), 300],
  ["… + retry, createLoading and log", await weigh(LAYERS, CLIENT), 2_150],
  ["… + all of these, and track", await weigh(["retry", "loading:createLoading", "events"], CLIENT), 2_350],
  ["… + showProgress", await weigh(["loading:showProgress"], [...CLIENT, ...LAYERS]), 1_000],
  ["… + sentry", await weigh(["sentry"], [...CLIENT, ...LAYERS]), 1_000],
  ["… + otel", await weigh(["otel"], [...CLIENT, ...LAYERS]), 1_000],
  ["… + links (linkTo)", await weigh(["links:linkTo"], CLIENT), 600],
  ["… + links, all", await weigh(["links"], CLIENT), 1_900],
  ["… + account", await weigh(["account"], CLIENT), 950],
  ["… + providers", await weigh(["providers"], CLIENT), 700],
  ["… + passkeys", await weigh(PASSKEYS, CLIENT), 750],
  ["… + passkeys, all", await weigh(["passkeys"], CLIENT), 800],
  ["… + factors", await weigh(["factors"], CLIENT), 700],
  ["… + mail-codes", await weigh(["mail-codes"], CLIENT), 300],
  ["… + account, passkeys and factors", await weigh(["account", "passkeys", "factors"], CLIENT), 2_050],
  ["… + live (openSocket)", await weigh(["live:openSocket"], CLIENT), 1_800],
  ["… + live (openEvents)", await weigh(["live:openEvents"], CLIENT), 1_600],
  ["… + live (createWebSocket)", await weigh(["live:createWebSocket"], CLIENT), 2_050],
  ["… + live, all", await weigh(["live"], CLIENT), 3_550],
  ["… + errors (onErrors)", await weigh(["errors"], CLIENT), 550],
  ["gatepass/axios, beyond the core", await weigh(["axios"], CORE), 1_210],
  ["gatepass/server", await weigh(["server"]), 4_550],
];
const HOOKS = "react:SessionProvider,useSession,useAccount,useLoading,RequireSession,safeReturn";
rows.push(["… + useLink, with links", await weigh(["react:useLink"], [...CLIENT, ...LAYERS, HOOKS]), 1_600]);
for (const entry of [HOOKS, "redux", "rtk", "tanstack"]) {
  rows.push([`… + ${entry.split(":")[0]}`, await weigh([entry], [...CLIENT, ...LAYERS]), 1_000]);
}
for (const [name, bytes, limit] of rows) {
  if (bytes !== null) console.log(`${name.padEnd(34)} ${String(bytes).padStart(5)} B  (limit ${limit})`);
}

if (process.argv.includes("--features")) {
  const core = (await bundle(CORE)).bytes;
  const all = (await bundle(CLIENT)).bytes;
  console.log(`\nof the ${all} B of gatepass + gatepass/fetch:`);
  for (const [features, whole, rest] of [
    [FEATURES, core, "the session itself: token, snapshot, events"],
    [FETCH_FEATURES, all - core, "fetch itself: requests and answers"],
  ]) {
    let left = whole;
    for (const [feature, files] of Object.entries(features)) {
      const bytes = all - (await bundle(CLIENT, files)).bytes;
      left -= bytes;
      console.log(`${String(bytes).padStart(6)} B  ${feature}`);
    }
    console.log(`${String(left).padStart(6)} B  ${rest}`);
  }
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
