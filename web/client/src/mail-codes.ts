/**
 * Signing in with a code by mail.
 *
 *     const asked = await requestMailCode(session, { email });      // the code is on its way, if there is an account
 *     await signInByMailCode(session, asked, { code });             // as the person has typed it
 *
 * `invalid-mail-code` leaves it as it is: ask for the code again. After `sign-in-expired` have another one mailed.
 */

import type { Typed } from "./factors.js";
import type { Account, Session } from "./session/types.js";

/**
 * A code that was asked for. The ticket is this browser's alone, and worth nothing without the mail: a page that a phone may
 * discard while its owner reads mail can keep this in `sessionStorage`.
 */
export interface MailCode {
  readonly ticket: string;
  /** How long both count, seconds. */
  readonly expires_in: number;
}

/** Where a code is to be mailed. */
export interface MailCodeRequest {
  readonly email: string;
  /** What an earlier request has returned, whose mail did not arrive: until a code was tried, the same one is mailed again. */
  readonly again?: MailCode | null | undefined;
  /** Members that rules of the application require. */
  readonly extra?: object | undefined;
}

/** What the person has typed. */
export interface MailCodeSignIn extends Typed {
  /** Keeps the session when the browser is closed. Default true. */
  readonly remember?: boolean | undefined;
  /** Members that rules of the application require. */
  readonly extra?: object | undefined;
}

/** Has a code mailed. It is the same answer for an address without an account: say that a mail comes *if* there is one. */
export async function requestMailCode(session: Session, { email, again, extra }: MailCodeRequest): Promise<MailCode> {
  const facts = { ...extra, email, ...(again && { ticket: again.ticket }) };
  // By `enter`, which sends the key of the session to come: this answer begins none, and so it comes as an error.
  const answer = await session.enter("/login/mail-code/request", facts).catch((error) => error);
  if (answer?.status !== 200 || !answer.problem?.ticket) throw answer;
  return answer.problem;
}

/** Signs in with a mailed code; capitals, spaces and hyphens do not matter. Rejects as `session.signIn` does otherwise. */
export const signInByMailCode = async (
  session: Session,
  { ticket }: MailCode,
  { code, remember = true, extra }: MailCodeSignIn,
): Promise<Account> => (await session.enter("/login/mail-code", { ...extra, ticket, code, remember }))!.account;
