/** What to tell a person about the error of a call. */

import { isGatepassError } from "gatepass";

export function sentenceOf(error: unknown): string {
  if (!isGatepassError(error)) return "That did not work.";
  return error.problem?.detail ?? "The server cannot be reached. Nothing was changed.";
}
