/**
 * Writes docs/reference/browser-api.md: the exports of every entry point, from the emitted declarations and their comments.
 *
 * TypeScript 7 has no stable programming interface, and none is needed: `tsc` emits every declaration at the left
 * margin, under its comment. Run after the build: reference.mjs [--check]
 */

import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { posix } from "node:path";
import { fileURLToPath } from "node:url";

const page = fileURLToPath(new URL("../../../docs/reference/browser-api.md", import.meta.url));
const at = (path) => fileURLToPath(new URL(`../${path}`, import.meta.url));
const { exports: entries } = JSON.parse(readFileSync(at("package.json"), "utf8"));
const files = new Map();

/** The declarations of one emitted file with their comments, and its exports from other files. */
function read(name) {
  if (!files.has(name)) files.set(name, parse(name, readFileSync(at(`dist/${name}.d.ts`), "utf8")));
  return files.get(name);
}

function parse(file, text) {
  const resolve = (path) => path && posix.join(posix.dirname(file), path);
  const own = new Map();
  const others = [];
  for (const { comment, code } of statementsOf(text)) {
    const [, star] = /^export \* from "(.*)\.js"/.exec(code) ?? [];
    const [, list, from] = /^export (?:type )?\{(.*)\}(?: from "(.*)\.js")?;$/s.exec(code) ?? [];
    const [, mark, name] =
      /^(export )?(?:declare )?(?:abstract )?(?:function|const|class|interface|type|enum) (\w+)/.exec(code) ?? [];
    if (star) others.push({ from: resolve(star) });
    else if (list !== undefined) others.push(...namesOf(list).map((names) => ({ from: resolve(from), ...names })));
    else if (name) {
      const before = own.get(name) ?? { parts: [], isExported: false };
      own.set(name, { parts: [...before.parts, { comment, code }], isExported: before.isExported || !!mark });
    }
  }
  return { own, others };
}

/** For `a, type B, c as d`: the name in the other file and the name here. */
function namesOf(list) {
  const words = list.split(",").map((part) => part.trim().replace(/^type /, ""));
  return words.filter(Boolean).map((word) => {
    const [there, here = there] = word.split(" as ");
    return { there, here };
  });
}

function* statementsOf(text) {
  let comment = "";
  let lines = [];
  let depth = 0;
  let isComment = false;
  for (const line of text.split("\n")) {
    const isTop = lines.length === 0;
    if (isTop && line.startsWith("/**")) {
      comment = "";
      isComment = true;
    }
    if (isTop && isComment) comment += `${line}\n`;
    else if (!isTop || line.trim()) lines.push(line);
    const isProse = isComment || /^\s*(\/\*\*|\*)/.test(line);
    if (line.trimEnd().endsWith("*/")) isComment = false;
    if (isProse || lines.length === 0) continue;
    depth += [...line].reduce((sum, sign) => sum + ("{([".includes(sign) ? 1 : "})]".includes(sign) ? -1 : 0), 0);
    if (depth === 0 && /[;}]$/.test(line)) {
      yield { comment, code: lines.join("\n") };
      [comment, lines] = ["", []];
    }
  }
}

/** Exported name → its declaration and the file of that; of `name` itself and of the files that it re-exports. */
function exportsOf(name) {
  const { own, others } = read(name);
  const found = new Map();
  for (const [here, { parts, isExported }] of own) if (isExported) found.set(here, { parts, home: name });
  for (const { from = name, there, here } of others) {
    if (!there) for (const entry of exportsOf(from)) found.set(...entry);
    else if (from === name) found.set(here, { parts: own.get(there)?.parts ?? [], home: name });
    else if (exportsOf(from).has(there)) found.set(here, exportsOf(from).get(there));
  }
  return found;
}

/** The text of a comment without its asterisks. */
function proseOf(comment) {
  return comment
    .replace(/^\s*\/\*\*|\*\/\s*$/g, "")
    .replace(/^\s*\* ?/gm, "")
    .trim();
}

/** Declarations that are not exported but used in `code`: a reader needs them too. */
function helpersOf(code, home, seen) {
  const helpers = [];
  for (const [name, { parts, isExported }] of read(home).own) {
    if (isExported || seen.has(name) || !new RegExp(`\\b${name}\\b`).test(code)) continue;
    seen.add(name);
    const text = parts.map((part) => part.comment + part.code).join("\n");
    helpers.push(text, ...helpersOf(text, home, seen));
  }
  return helpers;
}

function section(entry) {
  const [, name] = /^\.\/dist\/(.*)\.d\.ts$/.exec(entries[entry].types);
  const source = [".ts", ".tsx"].map((end) => at(`src/${name}${end}`)).find(existsSync);
  const head = /^\/\*\*.*?\*\//s.exec(readFileSync(source, "utf8"))?.[0] ?? "";
  const lines = [`## \`${entry.replace(/^\./, "gatepass")}\``, "", proseOf(head), ""];
  const seen = new Set();
  const handed = new Map();
  for (const [here, { parts, home }] of [...exportsOf(name)].sort(([a], [b]) => a.localeCompare(b, "en"))) {
    if (home !== name && entries[`./${home}`]) {
      handed.set(home, [...(handed.get(home) ?? []), `\`${here}\``]);
      continue;
    }
    const code = parts.map((part) => part.code).join("\n");
    const prose = parts.map((part) => proseOf(part.comment)).filter(Boolean);
    const clean = [code, ...helpersOf(code, home, seen)].join("\n\n").replace(/\bexport (declare )?|^declare /gm, "");
    lines.push(`### ${here}`, "", ...prose.flatMap((text) => [text, ""]), "```typescript", clean, "```", "");
  }
  for (const [home, names] of handed)
    lines.push(`Also, from [\`gatepass/${home}\`](#gatepass${home}): ${names.join(", ")}.`, "");
  return lines.join("\n");
}

const names = Object.keys(entries).filter((entry) => entries[entry].types && existsSync(at(entries[entry].types)));
const contents = names.map((entry) => entry.replace(/^\./, "gatepass"));
const text = `# The browser client: reference

Every name that the npm package \`gatepass\` exports, from its types. How to use them: [the guide](../guides/browser.md).
Made by \`npm run reference\` in web/client; do not edit.

${contents.map((name) => `[\`${name}\`](#${name.replace("/", "")})`).join(" · ")}

${names.map(section).join("\n")}`.replace(/\n{3,}/g, "\n\n");

if (!process.argv.includes("--check")) writeFileSync(page, text);
else if (!existsSync(page) || readFileSync(page, "utf8") !== text) {
  console.error("docs/reference/browser-api.md is stale. Run in web/: npm run reference --workspace client");
  process.exitCode = 1;
}
