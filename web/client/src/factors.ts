/**
 * Second factors: the second step of a sign-in, stepping up, and the factors of the account.
 *
 *     try {
 *       await session.signIn(credentials);
 *     } catch (error) {
 *       const step = secondStepOf(error);            // what may follow: step.methods; null for any other error
 *       if (!step) throw error;
 *       await codeStep(session, step, { code });     // or recoveryStep, or passkeyStep of gatepass/passkeys
 *     }
 *
 * `invalid-code` leaves the step as it is: ask again. After `sign-in-expired` the sign-in begins again.
 */

import { GatepassError, isGatepassError } from "./errors.js";
import { type ClientSetup, createClient } from "./fetch.js";
import type { Passkey } from "./passkeys.js";
import { ask, asOwner } from "./request/as-owner.js";
import { CLIENT_HEADER } from "./session/endpoints.js";
import type { Enrolled, SecondStep } from "./session/second-step.js";
import type { Account, Session } from "./session/types.js";

export type { Enrolled, SecondMethod, SecondStep } from "./session/second-step.js";

/** The factors of an account. Times are Unix seconds. */
export interface Factors {
  readonly passkeys: readonly Passkey[];
  /** The authenticator app; null if there is none. */
  readonly totp: { readonly created_at: number } | null;
  /** How many recovery codes are left. */
  readonly recovery_codes: number;
  readonly policy: "off" | "optional" | "required";
  /** When the account must have a second factor (Unix seconds); null if it has one, or need not. */
  readonly enrol_by: number | null;
  /** What was asked for lost factors: tell the person, with a button that cancels it. Null if nothing was. */
  readonly recovery: FactorRecovery | null;
}

/** The secret of an authenticator app, for the person's eyes only. */
export interface TotpSecret {
  readonly secret: string;
  /** `otpauth://…`: opens the app on the same device. */
  readonly uri: string;
  /** The QR code as SVG, or null if the server draws none. Show it as an image: `data:image/svg+xml,…`. */
  readonly qr: string | null;
}

/** Lost factors: from when until when they can be removed. Times are Unix seconds. */
export interface FactorRecovery {
  readonly requested_at: number;
  readonly ready_at: number;
  readonly ends_at: number;
}

/** A code that the person has typed. */
export interface Typed {
  readonly code: string;
}

/** `baseURL` is the same as for `createSession`; the other options are those of `createClient`. */
export type FactorSetup = Pick<ClientSetup, "baseURL" | "session" | "layers" | "timeout" | "fetch">;

/**
 * All that changes something needs a recent sign-in, and several factors where the account has a second one (401
 * `insufficient-user-authentication`): sign in again, or `stepUp`, and repeat.
 */
export interface FactorActions {
  /** Which there are. */
  list(): Promise<Factors>;
  /** A new secret for an authenticator app. It counts for nothing until it is confirmed. */
  startTotp(): Promise<TotpSecret>;
  /** Confirms it by its first code. Returns ten recovery codes, to be shown this once; earlier ones are void. */
  confirmTotp(code: string): Promise<readonly string[]>;
  removeTotp(): Promise<void>;
  /** Ten new recovery codes, to be shown this once; earlier ones are void. */
  renewRecoveryCodes(): Promise<readonly string[]>;
  /** Keeps the factors that were said to be lost. Needs no recent sign-in. `not-found` (404): nothing was asked for. */
  cancelRecovery(): Promise<void>;
  /** Needs no recent sign-in. */
  renamePasskey(id: string, name: string): Promise<void>;
  /** `last-way-in` (409): the account has no password, no identity and no other passkey. */
  removePasskey(id: string): Promise<void>;
}

/** What must follow a first step, from the error of a sign-in; null for any other error. */
export function secondStepOf(error: unknown): SecondStep | null {
  const problem = isGatepassError(error) && error.problem;
  return problem && problem.code === "second-factor-required" ? (problem as unknown as SecondStep) : null;
}

/**
 * What must follow a sign-in at a provider, once: when `takeSignInError` of `gatepass/providers` says
 * `second-factor-required`. `sign-in-expired`: it was taken before, or took too long.
 */
export const takeSecondStep = (session: Session): Promise<SecondStep> => ask(session, "/login/ticket", {});

/** Ends a sign-in, or a step-up, with a code of an authenticator app. Spaces in it do not matter. */
export const codeStep = (session: Session, step: SecondStep, { code }: Typed): Promise<Account> =>
  end(session, "totp", step, code.replace(/\s/g, ""));

/** Ends a sign-in, or a step-up, with a recovery code, which is used up. */
export const recoveryStep = (session: Session, step: SecondStep, { code }: Typed): Promise<Account> =>
  end(session, "recovery", step, code);

/**
 * Begins to step up the present session; the steps above end it, in a new session that takes its place. For a request that
 * was refused with `insufficient-user-authentication` and `acr_values`. `no-second-factor` (403): let the person enrol one.
 */
export async function stepUp(session: Session): Promise<SecondStep> {
  // By `enter`, which sends the key of the session to come: this answer begins none, and so it comes as an error.
  const answer = await asOwner(session, (token) => session.enter("/step-up", {}, token)).catch((error) => error);
  if (answer?.status !== 200) throw answer;
  return answer.problem;
}

/** Begins to enrol an authenticator app, where `step.methods` has `enrol`. */
export const startEnrolment = (session: Session, { ticket }: SecondStep): Promise<TotpSecret> =>
  ask(session, "/login/enrol", { ticket });

/** Ends that sign-in with the first code of the app. Or with a passkey: `enrolPasskey` of `gatepass/passkeys`. */
export const confirmEnrolment = async (session: Session, { ticket }: SecondStep, { code }: Typed): Promise<Enrolled> =>
  (await session.enter("/login/enrol/confirm", { ticket, code: code.replace(/\s/g, "") })) as Enrolled;

/**
 * Says that the factors are lost, and the recovery codes too: a link is mailed at once, and after a waiting time it removes
 * them. Asking again restarts nothing. `not-offered` (403): an administrator removes them.
 */
export const startRecovery = (session: Session, { ticket }: SecondStep): Promise<FactorRecovery> =>
  ask(session, "/login/factor-recovery", { ticket });

/**
 * Ends a sign-in by removing all factors, with the `token` of the mailed link; all other sessions end. `recovery-not-ready`
 * (409): not before `problem.ready_at`. `invalid-link`: it was cancelled. `second-factor-required`: enrol a new factor now,
 * with `secondStepOf(error)`.
 */
export const completeRecovery = async (session: Session, { ticket }: SecondStep, token: string): Promise<Account> =>
  (await session.enter("/login/factor-recovery/complete", { ticket, token }))!.account;

/** Keeps the factors, with the `token` of the mailed link. Needs no session. */
export async function cancelRecovery(session: Session, token: string): Promise<void> {
  const answer = await session.post("/factor-recovery/cancel", { token });
  if (answer.status !== 204) throw new GatepassError("http", answer);
}

const end = async (session: Session, by: string, { ticket }: SecondStep, code: string) =>
  (await session.enter(`/login/${by}`, { ticket, code }))!.account;

/** Creates the methods for the factors of the account of one session. */
export function createFactors({ baseURL, session, ...setup }: FactorSetup): FactorActions {
  const client = createClient({ baseURL: baseURL || "/auth", ...setup, session, headers: CLIENT_HEADER });
  const codes = async (path: string, body?: object) =>
    (await client.post<{ recovery_codes: string[] }>(path, body)).data.recovery_codes;
  const ofPasskey = (id: string) => `passkeys/${encodeURIComponent(id)}`;
  return {
    list: async () => (await client.get<Factors>("factors")).data,
    startTotp: async () => (await client.post<TotpSecret>("totp")).data,
    confirmTotp: (code) => codes("totp/confirm", { code: code.replace(/\s/g, "") }),
    removeTotp: async () => void (await client.delete("totp")),
    renewRecoveryCodes: () => codes("recovery-codes"),
    cancelRecovery: async () => void (await client.delete("factor-recovery")),
    renamePasskey: async (id, name) => void (await client.patch(ofPasskey(id), { name })),
    removePasskey: async (id) => void (await client.delete(ofPasskey(id))),
  };
}
