/**
 * Checks the package as applications get it: packed, checked by publint and are-the-types-wrong, installed from the
 * tarball without a network, and type-checked from an application that imports every entry point and from every
 * TypeScript snippet of the pages in docs/. Run after the build: packed.mjs
 */

import { execFileSync } from "node:child_process";
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";

const client = fileURLToPath(new URL("..", import.meta.url));
const docs = fileURLToPath(new URL("../../../docs", import.meta.url));
// Below node_modules, where the frameworks that entry points import are found and linters do not look.
const app = join(client, "node_modules", ".packed");
const { exports: entries } = JSON.parse(readFileSync(join(client, "package.json"), "utf8"));

/** Run one program. Its output is shown only if it fails, and then only the lines that match `ours`. */
function run(program, args, { cwd = client, ours = /^/ } = {}) {
  try {
    return execFileSync(program, args, { cwd, encoding: "utf8", stdio: "pipe", shell: process.platform === "win32" });
  } catch (error) {
    const said = `${error.stdout}${error.stderr}`.split("\n").filter((line) => ours.test(line));
    if (said.length === 0) return "";
    console.error([`${program} ${args.join(" ")}`, ...said].join("\n"));
    process.exit(1);
  }
}

/** The TypeScript snippets of a page. Each is a separate module that may use the names of preamble.d.ts. */
function snippetsOf(page) {
  const text = readFileSync(join(docs, page), "utf8");
  const found = [...text.matchAll(/^```(tsx?)\n(.*?)^```/gms)];
  return found.map(({ 1: kind, 2: code, index }) => {
    const line = text.slice(0, index).split("\n").length + 1;
    const name = page.replace(/\.md$/, "").replaceAll(/[\\/]/g, ".");
    return { file: `${name}.line-${line}.${kind}`, code: `${code}\nexport {};\n` };
  });
}

rmSync(app, { recursive: true, force: true });
mkdirSync(join(app, "app"), { recursive: true });
const [{ filename }] = JSON.parse(run("npm", ["pack", "--json", "--pack-destination", app]));
const tarball = join(app, filename);
run("publint", ["--strict", tarball]);
run("attw", [tarball, "--profile", "esm-only", "--quiet"]);

writeFileSync(join(app, "package.json"), '{ "name": "app", "private": true, "type": "module" }');
const install = ["install", "--offline", "--ignore-scripts", "--no-audit", "--no-fund", "--omit=peer", tarball];
run("npm", install, { cwd: app });

const modules = Object.keys(entries)
  .filter((entry) => entry !== "./package.json")
  .map((entry) => entry.replace(/^\./, "gatepass"));
const imports = modules.map((name, index) => `import * as module${index} from "${name}";`);
const uses = modules.map((_, index) => `module${index} satisfies object;`);
writeFileSync(join(app, "app", "everything.ts"), [...imports, ...uses, ""].join("\n"));
writeFileSync(join(app, "app", "preamble.d.ts"), readFileSync(join(client, "scripts", "preamble.d.ts")));
// What the snippets of generated clients import.
for (const name of ["schema.ts", "router.ts", "client"])
  cpSync(join(client, "test", "any-client", name), join(app, "app", name), { recursive: true });
// What the form of passkeys imports: the form that the page before it has.
const form = join("components", "second-factors.tsx");
cpSync(join(client, "test", form), join(app, "app", basename(form)));
const pages = readdirSync(docs, { recursive: true }).filter((name) => name.endsWith(".md"));
const snippets = pages.flatMap(snippetsOf);
for (const { file, code } of snippets) writeFileSync(join(app, "app", file), code);

// Our declarations are checked once, with all that they import, which takes five times as long as the application alone;
// that they find it in a bundler's way too is what attw looks for.
for (const [module, moduleResolution, skipLibCheck] of [
  ["nodenext", "nodenext", false],
  ["esnext", "bundler", true],
]) {
  const compilerOptions = {
    ...{ module, moduleResolution, target: "es2022", lib: ["es2023", "dom", "dom.iterable"], types: [] },
    ...{ jsx: "react-jsx", strict: true, exactOptionalPropertyTypes: true, noEmit: true, skipLibCheck },
  };
  writeFileSync(join(app, "tsconfig.json"), JSON.stringify({ compilerOptions, include: ["app"] }));
  // Declarations of other packages are checked too, but their errors are ignored.
  run("tsc", ["-p", "."], { cwd: app, ours: /^(app|node_modules\/gatepass)\// });
}
// Every module that needs no framework also loads in a bare Node, where there is no document.
run(process.execPath, ["--input-type=module", "-e", 'await import("gatepass"); await import("gatepass/fetch");'], {
  cwd: app,
});
console.log(`${modules.length} entry points and ${snippets.length} snippets, packed and installed: clean`);
