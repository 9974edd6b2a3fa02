/** What the texts of each language are. */

import type { ProblemCode } from "../problem-codes.js";

/** The sentences of one language. Write one of your own for another language: a code that is forgotten does not compile. */
export interface Texts {
  readonly codes: Readonly<Record<ProblemCode, string>>;
  /** For failures without a code. */
  readonly failures: Readonly<Record<"network" | "timeout" | "other", string>>;
  /** One, and several (`{n}`): for `{wait}` in a sentence. */
  readonly seconds: readonly [string, string];
  readonly minutes: readonly [string, string];
}
