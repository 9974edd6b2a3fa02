/** The second step of a sign-in, as the server asks for it: what the modules that end it share. */

import type { Account } from "./types.js";

/** What ends it. `enrol`: the account must have a second factor and has none. */
export type SecondMethod = "totp" | "passkey" | "recovery" | "enrol";

/** What follows a first step, or a request to step up. In memory only: the holder of the ticket is half signed in. */
export interface SecondStep {
  /** One of them must follow. */
  readonly methods: readonly SecondMethod[];
  readonly ticket: string;
  /** How long the ticket counts, seconds. */
  readonly expires_in: number;
}

/** A sign-in that has enrolled a second factor. */
export interface Enrolled {
  readonly account: Account;
  /** Ten, to be shown this once. */
  readonly recoveryCodes: readonly string[];
}
