/** Converts the error of a call into a sentence for the user, at the form field that it is about. */

import { isAxiosError } from "axios";
import { GatepassError } from "gatepass";

/** The faults of a form by field name; `form` for the whole form. */
export type Faults = Partial<Record<"email" | "password" | "form", string>>;

interface ProblemDocument {
  code?: string;
  detail?: string;
  errors?: { field: string; message: string }[];
}

/** The faults that the error of a sign-in or sign-up names. */
export function faultsOf(error: unknown): Faults {
  if (!(error instanceof GatepassError) || error.kind !== "http") {
    return { form: "The server could not be reached. Nothing has changed; please try again." };
  }
  const problem = (error.problem ?? {}) as ProblemDocument;
  const detail = problem.detail ?? "That did not work.";
  if (problem.errors !== undefined) return faultsByField(problem.errors, detail);
  if (problem.code?.startsWith("password-")) return { password: detail };
  if (problem.code === "email-taken") return { email: "There is an account with this address. Sign in instead?" };
  if (problem.code === "invalid-credentials") return { form: "E-mail address and password do not match an account." };
  return { form: detail };
}

function faultsByField(errors: { field: string; message: string }[], detail: string): Faults {
  const faults: Faults = {};
  for (const { field, message } of errors) {
    if (field === "email" || field === "password") faults[field] = message;
    else faults.form = detail;
  }
  return faults;
}

/** One sentence about a failed call. */
export function sentenceOf(error: unknown): string {
  if (isAxiosError(error) && error.response !== undefined) {
    const problem = error.response.data as ProblemDocument | undefined;
    return problem?.detail ?? `The server answered ${error.response.status}.`;
  }
  if (error instanceof GatepassError && error.kind === "session-ended") return "The session is over.";
  if (isAxiosError(error) || error instanceof GatepassError)
    return "No answer from the server just now; nothing was changed.";
  return "That did not work.";
}

/** For thunks: the sentence instead of the error, which is not serialisable. */
export const asSentence = { serializeError: (error: unknown) => ({ message: sentenceOf(error) }) };
