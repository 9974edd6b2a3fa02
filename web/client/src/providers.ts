/**
 * Signs in at a provider of identities: Google, Microsoft, a Keycloak of your own (OpenID Connect).
 *
 *     await signInWith(session, "google", { returnTo: "/notes" });   // the browser leaves this page
 *     const code = takeSignInError();                                // on the page to which it comes back
 *
 * The browser comes back with the cookies of a session, or with the code of an error in its address. The session is this
 * browser's own, as after a password: its key was made and stored before, and proves the first refresh (PROTOCOL §5).
 */

import { GatepassError } from "./errors.js";
import { type Departure, ERROR_PARAMETER, here, leave, withoutError } from "./session/departure.js";
import type { Session } from "./session/types.js";

export type { Departure } from "./session/departure.js";

/**
 * Why no session began, or nothing was linked.
 *
 *     access-denied          the person, or the provider, refused
 *     interaction-required   the provider must ask the person something first
 *     provider-unavailable   it does not answer; try again, or sign in another way
 *     provider-error         it answers what cannot be used
 *     sign-in-expired        it took longer than ten minutes, or was finished in another tab
 *     sign-in-refused        there is no such account any more
 *     second-factor-required the account has a second factor: `POST /login/ticket` has what may follow
 *     sign-in-too-weak       without the methods, or not as recent, as the server asks for
 *     account-disabled, registration-closed
 *     email-required, email-unverified   the provider tells no address, or has not verified it
 *     link-required          there is an account with this address: sign in as before, then link
 *     identity-taken, too-many-identities, password-changed, session-ended   nothing was linked
 *
 * A server that is overloaded answers with its own codes, and so do hooks of an application: have a text for all others.
 */
export type SignInErrorCode =
  | "access-denied"
  | "interaction-required"
  | "provider-unavailable"
  | "provider-error"
  | "sign-in-expired"
  | "sign-in-refused"
  | "second-factor-required"
  | "sign-in-too-weak"
  | "account-disabled"
  | "registration-closed"
  | "email-required"
  | "email-unverified"
  | "link-required"
  | "identity-taken"
  | "too-many-identities"
  | "password-changed"
  | "session-ended"
  | (string & {});

/** What one sign-in asks of the provider, beside what the server is set to. */
export interface SignInOptions extends Departure {
  /** Keeps the session when the browser is closed. Default true. */
  readonly remember?: boolean | undefined;
  /** Asks for the password there, for the account, or for consent, also of a person who is signed in there. */
  readonly prompt?: "login" | "select_account" | "consent" | undefined;
  /** The most seconds since the person signed in there; the server refuses an older sign-in. */
  readonly maxAge?: number | undefined;
  /** The address of who is probably signing in. */
  readonly loginHint?: string | undefined;
}

/** The sign-ins that are being asked for, so that a second click and Strict Mode begin no second one. */
const asked = /* @__PURE__ */ new WeakMap<Session, { readonly to: string; readonly location: Promise<string> }>();

/**
 * Leaves this page for the provider with this name at the server. Each tab may do so at once.
 *
 * Resolves if the page is seen again: the person went back, or stopped it. Rejects as `session.signIn` does if it cannot
 * begin, and with the code of an error that is still in the address of this page: so a page that signs in by itself does
 * not go round in circles.
 */
export async function signInWith(
  session: Session,
  provider: string,
  { returnTo, remember = true, navigate, prompt, maxAge, loginHint }: SignInOptions = {},
): Promise<void> {
  const code = takeSignInError();
  if (code) throw new GatepassError("http", { status: 400, problem: { code } });
  const path = `/oidc/${encodeURIComponent(provider)}/start`;
  const facts = {
    return_to: returnTo || here(),
    remember,
    prompt,
    max_age: maxAge,
    login_hint: loginHint || undefined,
  };
  const to = path + JSON.stringify(facts);
  let ask = asked.get(session);
  if (ask?.to !== to) {
    ask = { to, location: session.depart(path, facts) };
    asked.set(session, ask);
    const end = () => void (asked.get(session) === ask && asked.delete(session));
    ask.location.then(end, end);
  }
  await leave(await ask.location, navigate);
}

/**
 * The error with which the browser came back, or null. It is removed from the address bar, so that a reload, a bookmark
 * and the Back button do not tell it again: keep it in the state of the page. Anything that is no code is `unknown`, since
 * a link of another site may have put it there.
 */
export function takeSignInError(): SignInErrorCode | null {
  const { location, history } = globalThis;
  const code = location && new URL(location.href).searchParams.get(ERROR_PARAMETER);
  if (code === null || code === undefined) return null;
  // Routers keep their own state there.
  history.replaceState(history.state, "", withoutError(location.href));
  return /^[a-z][a-z\d-]{0,63}$/.test(code) ? code : "unknown";
}
