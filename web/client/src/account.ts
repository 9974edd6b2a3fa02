/**
 * The rest of an account in words: where else it is signed in, its password, its address, its end.
 *
 *     const account = createAccount({ baseURL: "/auth", session });
 *     for (const { id, client, current } of await account.sessions()) …
 *     await account.endOtherSessions();
 *
 * Each is one request to the server's endpoint of that purpose (PROTOCOL §6), and rejects with a GatepassError; the codes
 * stand with the methods. Where a server wants a recent sign-in (401 `insufficient-user-authentication`), ask for
 * the password, call `signInAgain`, and repeat.
 */

import { GatepassError } from "./errors.js";
import { type ClientSetup, createClient } from "./fetch.js";
import { CLIENT_HEADER } from "./session/endpoints.js";
import type { Account } from "./session/types.js";

/** A sign-in of this account, here or elsewhere. Times are Unix seconds, as the server tells them. */
export interface SessionInfo {
  readonly id: string;
  /** A label such as "Firefox on Linux". */
  readonly client: string;
  readonly created_at: number;
  readonly last_used_at: number;
  readonly expires_at: number;
  /** The network that it was last used from, never the whole address. */
  readonly address: string;
  readonly remember: boolean;
  /** Whether it is the one of this browser. */
  readonly current: boolean;
}

/** `baseURL` is that of the session; the rest as for `createClient`. */
export type AccountSetup = Pick<ClientSetup, "baseURL" | "session" | "layers" | "timeout" | "fetch">;

/** Passwords are sent, and kept nowhere. `token` is what stood in the fragment of a mailed link. */
export interface AccountActions {
  /** Where the account is signed in, the newest first. */
  sessions(): Promise<readonly SessionInfo[]>;
  /** End one of them. Its own browser learns of it with its next request; the present one is signed out here too. */
  endSession(id: string): Promise<void>;
  /** End all but this one. */
  endOtherSessions(): Promise<void>;
  /** Sign the same account in once more, for what wants a recent sign-in. It is remembered if the present one is. */
  signInAgain(password: string): Promise<Account>;
  /** Every other session ends. `invalid-credentials` (403): the current one is wrong; else the password rules' codes. */
  changePassword(current: string, next: string): Promise<void>;
  /** Ask for a mail with a link. Resolves for every address, known or not. */
  forgotPassword(email: string): Promise<void>;
  /** Set a password by the link; every session ends, and nobody is signed in. `invalid-link`: it is used or too old. */
  resetPassword(token: string, next: string): Promise<void>;
  /** Ask for another mail with the link of a sign-up (`session.verify`). Resolves for every address. */
  resendVerification(email: string): Promise<void>;
  /** Ask for a mail to a new address. `invalid-credentials` (403): the password is wrong. */
  changeEmail(email: string, password: string): Promise<void>;
  /** Take the new address by its link, signed in to the account that asked. */
  confirmEmail(token: string): Promise<void>;
  /** Forget the account, here and at the server. `invalid-credentials` (403): the password is wrong. */
  deleteAccount(password: string): Promise<void>;
}

/** The words over one session. */
export function createAccount({ session, ...setup }: AccountSetup): AccountActions {
  // Some answers clear or read cookies, and the endpoints for everybody want a header that no form can send.
  const client = createClient({ ...setup, session, credentials: "include", headers: CLIENT_HEADER });
  const post = async (path: string, body?: object) => void (await client.post(path, body));
  const remove = async (path: string, body?: object) => void (await client.delete(path, { body }));

  async function sessions() {
    const { data } = await client.get<{ sessions: SessionInfo[] }>("sessions");
    return data.sessions;
  }

  return {
    sessions,
    endSession: (id) =>
      id === session.getSnapshot().sessionId ? session.signOut() : remove(`sessions/${encodeURIComponent(id)}`),
    endOtherSessions: () => post("logout-others"),
    async signInAgain(password) {
      const { account } = await session.start();
      if (!account) throw new GatepassError("session-ended");
      // Who did not want to be remembered on this computer is not now.
      const own = (await sessions()).find(({ current }) => current);
      return session.signIn({ email: account.email, password, remember: own?.remember ?? false });
    },
    changePassword: (current, next) => post("password", { current, new: next }),
    forgotPassword: (email) => post("password/forgot", { email }),
    resetPassword: (token, next) => post("password/reset", { token, new: next }),
    resendVerification: (email) => post("verify/resend", { email }),
    changeEmail: (email, password) => post("email", { email, password }),
    confirmEmail: (token) => post("email/confirm", { token }),
    async deleteAccount(password) {
      await remove("account", { password });
      await session.signOut();
    },
  };
}
