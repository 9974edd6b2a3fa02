/** The vectors that both languages' tests read. */

import { readFileSync } from "node:fs";

export function contract<Value>(name: string): Value {
  return JSON.parse(readFileSync(new URL(`../../../contract/${name}.json`, import.meta.url), "utf8")) as Value;
}
