/**
 * Manages the signed-in account: its sessions, its password, its e-mail address, its identities at providers, and its
 * deletion.
 *
 *     const account = createAccount({ baseURL: "/auth", session });
 *     for (const { id, client, current } of await account.sessions()) …
 *     await account.endOtherSessions();
 *
 * Each method sends one request to the endpoint of that purpose (PROTOCOL §6) and rejects with a GatepassError; its
 * description names the problem codes. When the server requires a recent sign-in (401
 * `insufficient-user-authentication`), ask for the password, call `signInAgain`, and repeat.
 */

import { GatepassError } from "./errors.js";
import { type ClientSetup, createClient } from "./fetch.js";
import { asOwner } from "./request/as-owner.js";
import { type Departure, here, leave } from "./session/departure.js";
import { CLIENT_HEADER } from "./session/endpoints.js";
import type { Account } from "./session/types.js";

/** One session of this account, in this browser or another. Times are Unix seconds, as the server sends them. */
export interface SessionInfo {
  readonly id: string;
  /** A label such as "Firefox on Linux". */
  readonly client: string;
  readonly created_at: number;
  readonly last_used_at: number;
  readonly expires_at: number;
  /** The network from which it was last used; never the whole address. */
  readonly address: string;
  readonly remember: boolean;
  /** How the person signed in (RFC 8176): "pwd", "otp", "fed". */
  readonly methods: readonly string[];
  /** The assurance of that, where another system has said one. */
  readonly acr: string | null;
  /** When that was: at the sign-in, or earlier elsewhere. */
  readonly authenticated_at: number;
  /** Whether it is the session of this browser. */
  readonly current: boolean;
}

/** An identity at a provider that signs in to this account. Times are Unix seconds. */
export interface Identity {
  readonly id: string;
  /** The name of the provider at the server, as for `signInWith`. */
  readonly provider: string;
  readonly issuer: string;
  /** What the provider says; "" if nothing. To recognise it by. */
  readonly email: string;
  readonly created_at: number;
  readonly last_used_at: number;
}

/** `baseURL` is the same as for `createSession`; the other options are those of `createClient`. */
export type AccountSetup = Pick<ClientSetup, "baseURL" | "session" | "layers" | "timeout" | "fetch">;

/** Passwords are sent and not stored. `token` is the text in the fragment of a mailed link. */
export interface AccountActions {
  /** The sessions of the account, newest first. */
  sessions(): Promise<readonly SessionInfo[]>;
  /** Ends one session. Its browser is signed out at its next request; the current one is signed out here at once. */
  endSession(id: string): Promise<void>;
  /** Ends all sessions except the current one. */
  endOtherSessions(): Promise<void>;
  /** Signs the same account in again, if a recent sign-in is required. `remember` stays as it is. */
  signInAgain(password: string): Promise<Account>;
  /**
   * Ends every session of the account; a new one begins here. `invalid-credentials` (403): `current` is wrong;
   * `password-…`: `next` is refused.
   */
  changePassword(current: string, next: string): Promise<void>;
  /** Requests a mail with a link to set a new password. Resolves for every address, known or not. */
  forgotPassword(email: string): Promise<void>;
  /** Sets a password by a mailed link. Every session ends, and no new one begins. `invalid-link`: used, or too old. */
  resetPassword(token: string, next: string): Promise<void>;
  /** Requests the mail of a sign-up again (its link is for `session.verify`). Resolves for every address. */
  resendVerification(email: string): Promise<void>;
  /**
   * Requests a mail to a new address. `invalid-credentials` (403): the password is wrong. An account without a password
   * needs a recent sign-in instead. `extra`: members that rules of the application require.
   */
  changeEmail(email: string, password?: string, extra?: object): Promise<void>;
  /**
   * Confirms a new address by its mailed link, signed in to the account that requested it. Ends every session of the
   * account; a new one begins here.
   */
  confirmEmail(token: string): Promise<void>;
  /**
   * Deletes the account at the server and signs out here. `invalid-credentials` (403): the password is wrong. An account
   * without a password needs a recent sign-in instead. `extra`: members that rules of the application require.
   */
  deleteAccount(password?: string, extra?: object): Promise<void>;
  /** Whether the account has a password: if not, a recent sign-in is one at a provider (`signInWith`). */
  hasPassword(): Promise<boolean>;
  /** The identities at providers that sign in to the account, oldest first. */
  identities(): Promise<readonly Identity[]>;
  /**
   * Leaves this page for a provider, whose identity signs in to this account from then on. Needs a recent sign-in. Resolves
   * and rejects as `signInWith` does; what went wrong there is told by `takeSignInError`: `identity-taken` …
   */
  link(provider: string, options?: Departure): Promise<void>;
  /**
   * Ends that an identity signs in to the account, and the other sessions that began with it. Needs a recent sign-in.
   * `last-way-in` (409): the account has no password and no other identity.
   */
  unlink(id: string): Promise<void>;
  /**
   * Signs out here as `session.signOut` does, and then at the provider where the session began: the browser leaves this
   * page, unless there is nothing to end. `returnTo` must be registered at the provider; without it the browser stays there.
   */
  signOutAtProvider(options?: Departure): Promise<void>;
}

/** Creates the account methods for one session. */
export function createAccount({ baseURL, session, ...setup }: AccountSetup): AccountActions {
  // Some responses set cookies, and the endpoints without a token require a header that no form can send.
  const client = createClient({
    baseURL: baseURL || "/auth",
    ...setup,
    session,
    credentials: "include",
    headers: CLIENT_HEADER,
  });
  const post = async (path: string, body?: object) => void (await client.post(path, body));
  const remove = async (path: string, body?: object) => void (await client.delete(path, { body }));

  /** Posts to an endpoint that ends every session and begins a new one. */
  const enter = async (path: string, body: object) =>
    void (await asOwner(session, (token) => session.enter(path, body, token)));

  /** Signs out of this session alone: another user may have signed in while the server was asked. */
  const signOutOf = async (sid: string | null) => {
    if (session.getSnapshot().sessionId === sid) await session.signOut();
  };

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
      // A session that was not to be remembered on this computer stays that way.
      const own = (await sessions()).find(({ current }) => current);
      return session.signIn({ email: account.email, password, remember: own?.remember ?? false });
    },
    changePassword: (current, next) => enter("/password", { current, new: next }),
    forgotPassword: (email) => post("password/forgot", { email }),
    resetPassword: (token, next) => post("password/reset", { token, new: next }),
    resendVerification: (email) => post("verify/resend", { email }),
    changeEmail: (email, password, extra) => post("email", { ...extra, email, password }),
    confirmEmail: (token) => enter("/email/confirm", { token }),
    async deleteAccount(password, extra) {
      const { sessionId } = await session.start();
      await post("account/delete", { ...extra, password });
      await signOutOf(sessionId);
    },
    hasPassword: async () => (await client.get<{ password?: boolean }>("me")).data.password !== false,
    identities: async () => (await client.get<{ identities: Identity[] }>("identities")).data.identities,
    async link(provider, { returnTo, navigate } = {}) {
      const { data } = await client.post<{ location: string }>(`oidc/${encodeURIComponent(provider)}/start`, {
        return_to: returnTo || here(),
        link: true,
      });
      await leave(data.location, navigate);
    },
    unlink: (id) => remove(`identities/${encodeURIComponent(id)}`),
    async signOutAtProvider({ returnTo, navigate } = {}) {
      const { sessionId } = await session.start();
      if (!sessionId) return session.signOut();
      const headers = { "Gatepass-Session": sessionId };
      const body = { at_provider: true, return_to: returnTo || undefined };
      // Here it takes effect in any case, also if the server cannot be asked where the provider's own session ends.
      const answer = client.post<{ location?: string } | null>("logout", body, { headers });
      const { data } = await answer.finally(() => signOutOf(sessionId));
      if (data?.location) await leave(data.location, navigate);
    },
  };
}
