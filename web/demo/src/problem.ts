/** Converts the error of a call into a sentence for the user, at the form field that it is about. */

import { isAxiosError } from "axios";
import { GatepassError } from "gatepass";

/** The faults of a form by field name; `form` for the whole form. */
export type Faults = Partial<Record<"email" | "password" | "form", string>>;

interface ProblemDocument {
  code?: string;
  detail?: string;
  errors?: { field: string; message: string }[];
  acr_values?: string;
  max_age?: number;
}

/** The problem document of an error, of Axios or of the client; empty if there is none. */
function problemOf(error: unknown): ProblemDocument {
  const found = isAxiosError(error) ? error.response?.data : error instanceof GatepassError ? error.problem : null;
  return (found ?? {}) as ProblemDocument;
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

/** What a door asks for beyond the pass (RFC 9470). `acr`: null if it asks for a recent sign-in alone. */
export interface Asked {
  readonly acr: string | null;
  /** Seconds; null if it does not matter when the person signed in. */
  readonly maxAge: number | null;
}

/** What the error of a call asks for; null for any other error. */
export function askedOf(error: unknown): Asked | null {
  const { code, acr_values, max_age } = problemOf(error);
  if (code !== "insufficient-user-authentication") return null;
  return { acr: acr_values ?? null, maxAge: max_age ?? null };
}

/** Codes that need other words than the server's, or have none. */
const WORDS: Record<string, string> = {
  "invalid-code": "This code is wrong, or was used before. Take the next one.",
  "passkey-taken": "This device has a passkey of your account already.",
  "unknown-credential": "This passkey was removed from its account. Take another one, or your password.",
  "sign-in-expired": "That took too long. Please begin again.",
  "no-second-factor": "This account has no second key yet. Add a passkey or an app first.",
  "invalid-credentials": "The password is wrong.",
};

/** One sentence about a failed call. */
export function sentenceOf(error: unknown): string {
  const words = WORDS[problemOf(error).code ?? ""];
  if (words !== undefined) return words;
  if (isAxiosError(error) && error.response !== undefined) {
    const problem = error.response.data as ProblemDocument | undefined;
    return problem?.detail ?? `The server answered ${error.response.status}.`;
  }
  if (error instanceof GatepassError && error.kind === "session-ended") return "The session is over.";
  // Cancelled, or no device has one: browsers do not say which.
  if (error instanceof GatepassError && error.kind === "aborted")
    return "No passkey was used, and nothing has changed.";
  if (error instanceof GatepassError && error.kind === "http") return error.problem?.detail ?? "That did not work.";
  if (isAxiosError(error) || error instanceof GatepassError)
    return "No answer from the server just now; nothing was changed.";
  return "That did not work.";
}

/** For thunks: the sentence instead of the error, which is not serialisable. */
export const asSentence = { serializeError: (error: unknown) => ({ message: sentenceOf(error) }) };
