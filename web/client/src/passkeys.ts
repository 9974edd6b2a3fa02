/**
 * Passkeys: adding one, signing in with one, and a passkey as the second step of a sign-in.
 *
 *     await signInWithPasskey(session);                                // no name is asked for
 *     await addPasskey(session, { name: "My phone" });                 // signed in, not long ago
 *     await passkeyStep(session, step);                                // after a password, or to step up
 *
 * All reject with a GatepassError. `aborted`: the person has cancelled, no device has a passkey for this, or the signal
 * fired; browsers tell no difference. What is set up wrongly (a page that is not of the RP id, a browser without
 * passkeys) is the browser's own error: `SecurityError`, `TypeError`.
 */

import { GatepassError, isGatepassError } from "./errors.js";
import { ask, asOwner } from "./request/as-owner.js";
import type { Enrolled, SecondStep } from "./session/second-step.js";
import type { Account, Session } from "./session/types.js";

export type { Enrolled, SecondStep } from "./session/second-step.js";

/** A passkey of the account, as the server describes it. Times are Unix seconds. */
export interface Passkey {
  readonly id: string;
  readonly name: string;
  readonly created_at: number;
  readonly last_used_at: number | null;
  /** Whether it is lost with no single device. */
  readonly synced: boolean;
  readonly backed_up: boolean;
  readonly transports: readonly string[];
  readonly aaguid: string;
}

/** How a passkey is made. */
export interface NewPasskey {
  /** By default that of its password manager, or of the browser. */
  readonly name?: string | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** How one sign-in is asked for. */
export interface PasskeySignIn {
  /** Keeps the session when the browser is closed. Default true. */
  readonly remember?: boolean | undefined;
  /**
   * `conditional`: the browser offers passkeys in a field with `autocomplete="username webauthn"`, and this waits until the
   * person takes one. The next call of this module ends that wait with `aborted`, and so does one that is under way: what
   * waits in a field never closes a dialog that the person looks at.
   */
  readonly mediation?: "conditional" | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Members that rules of the application require. */
  readonly extra?: object | undefined;
}

type Json = PublicKeyCredentialRequestOptionsJSON & PublicKeyCredentialCreationOptionsJSON;

/** What waits for the person: a browser has one request at a time. */
let running: AbortController | undefined;
/** How many of them the person looks at. */
let dialogs = 0;

/** Whether this browser has all that is used here: else offer no passkeys. False on a server. */
export function hasPasskeys(): boolean {
  return "parseRequestOptionsFromJSON" in (globalThis.PublicKeyCredential ?? {});
}

/**
 * Adds a passkey to the account that is signed in. `passkey-taken`: this device has one of the account already;
 * `insufficient-user-authentication`: sign in again, or step up.
 */
export function addPasskey(session: Session, { name, signal }: NewPasskey = {}): Promise<Passkey> {
  return inTurn(signal, undefined, async (turn) => {
    const post = <T>(path: string, facts: object) => asOwner(session, (token) => ask<T>(session, path, facts, token));
    const response = await device("create", await post<Json>("/passkeys/options", {}), turn);
    return post("/passkeys", { response, ...(name && { name }) });
  });
}

/**
 * Signs in with a passkey. Rejects as `session.signIn` does; `unknown-credential`: it was removed from its account, and
 * the browser is told so; `second-factor-required`: the device has not verified its user.
 */
export async function signInWithPasskey(
  session: Session,
  { remember = true, mediation, signal, extra }: PasskeySignIn = {},
): Promise<Account> {
  try {
    return await use(session, {}, { ...extra, remember }, signal, mediation);
  } catch (error) {
    // The page was open for longer than a challenge lasts: the person, who is there now, is asked once more.
    const isLate = mediation && isGatepassError(error) && error.problem?.code === "challenge-expired";
    if (!isLate) throw error;
    return use(session, {}, { ...extra, remember }, signal);
  }
}

/** Ends a sign-in where `step.methods` has `enrol` with a new passkey. `not-found` (404): the server takes none. */
export function enrolPasskey(
  session: Session,
  { ticket }: SecondStep,
  { name, signal }: NewPasskey = {},
): Promise<Enrolled> {
  return inTurn(signal, undefined, async (turn) => {
    const options = await ask<Json>(session, "/login/enrol/passkey/options", { ticket });
    const response = await device("create", options, turn);
    return session.enter("/login/enrol/passkey", { ticket, response, ...(name && { name }) }) as Promise<Enrolled>;
  });
}

/** Ends a sign-in, or a step-up, with a passkey. `sign-in-expired`: the sign-in begins again. */
export function passkeyStep(session: Session, { ticket }: SecondStep, signal?: AbortSignal): Promise<Account> {
  return use(session, { ticket }, { ticket }, signal);
}

function use(
  session: Session,
  asked: object,
  facts: object,
  signal: AbortSignal | undefined,
  mediation?: "conditional",
): Promise<Account> {
  return inTurn(signal, mediation, async (turn) => {
    const options = await ask<Json>(session, "/login/passkey/options", asked);
    const response = await device("get", options, turn, mediation);
    try {
      return (await session.enter("/login/passkey", { ...facts, response }))!.account;
    } catch (error) {
      if (isGatepassError(error) && error.problem?.code === "unknown-credential") {
        const { id: credentialId } = response as { id: string };
        // Best effort, and not every browser has it.
        await PublicKeyCredential.signalUnknownCredential?.({ rpId: options.rpId!, credentialId }).catch(() => null);
      }
      throw error;
    }
  });
}

/** Ends what waits for the person. Before the server is asked, so that of two dialogs the later one counts. */
async function inTurn<T>(
  signal: AbortSignal | undefined,
  mediation: "conditional" | undefined,
  act: (turn: AbortSignal) => Promise<T>,
): Promise<T> {
  if (signal?.aborted || (mediation && dialogs)) throw new GatepassError("aborted");
  running?.abort();
  running = new AbortController();
  if (!mediation) dialogs++;
  try {
    return await act(signal ? AbortSignal.any([running.signal, signal]) : running.signal);
  } finally {
    if (!mediation) dialogs--;
  }
}

/** What a device of the person makes, or signs, as JSON. */
async function device(
  act: "create" | "get",
  options: Json,
  signal: AbortSignal,
  mediation?: "conditional",
): Promise<unknown> {
  try {
    const parse = act === "get" ? "parseRequestOptionsFromJSON" : "parseCreationOptionsFromJSON";
    const publicKey = PublicKeyCredential[parse](options) as never;
    const made = await navigator.credentials[act]({ publicKey, signal, mediation } as never);
    return (made as PublicKeyCredential).toJSON();
  } catch (cause) {
    const { name } = cause as Error;
    if (name === "InvalidStateError")
      throw new GatepassError("http", { status: 409, problem: { code: "passkey-taken" }, cause });
    if (signal.aborted || /^(NotAllowed|Abort)/.test(name)) throw new GatepassError("aborted", { cause });
    throw cause;
  }
}
