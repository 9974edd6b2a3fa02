/**
 * What `gatepass/playwright` and `gatepass/cypress` share: the request to the testing endpoint, and its answer.
 *
 *     POST <auth>/testing/sessions   →   a session, its cookies, and a script that puts its key into each new page
 *
 * The endpoint exists only where the server runs with GATEPASS_TESTING=true, and answers its own machine alone.
 */

import type { Account } from "./session/types.js";

/** Whom to sign in, and where. */
export interface SignInOptions {
  /** The address of the endpoints as the page has it: its `createSession({ baseURL })`. Default: "/auth". */
  readonly auth?: string | undefined;
  /** The id of an account, in the place of an address: for servers whose users are the application's own. */
  readonly accountId?: string | undefined;
  /** How the person signed in. For routes that want several factors: `["pwd", "otp", "mfa"]`. Default: `["pwd"]`. */
  readonly methods?: readonly string[] | undefined;
  /** False: session cookies. Default: true. */
  readonly remember?: boolean | undefined;
}

/** The request that begins a session. */
export interface TestingRequest {
  readonly url: string;
  readonly headers: Record<string, string>;
  readonly body: Record<string, unknown>;
}

/** `page` is the base URL of the pages. Throws an Error that says what to name, if there is no whole address. */
export function requestFor(email: string, { auth, accountId, methods, remember }: SignInOptions, page?: string) {
  const path = auth || "/auth";
  if (!URL.canParse(path, page || undefined))
    throw new Error(`gatepass: where is ${path}? Set baseURL, or pass { baseURL: "http://localhost:3000" }.`);
  const base = new URL(path, page || undefined).href.replace(/\/+$/, "");
  const who = accountId ? { account_id: accountId } : { email };
  return {
    url: `${base}/testing/sessions`,
    headers: { "Gatepass-Client": "1" },
    body: { ...who, ...(methods && { methods }), ...(remember !== undefined && { remember }), auth_url: base },
  } satisfies TestingRequest;
}

/** What the endpoint at `url` said. Throws an Error that says what to do, unless a session has begun. */
export function readAnswer(
  url: string,
  status: number,
  body: unknown,
): { account: Account; script: string; sessionId: string } {
  const { account, init_script, session_id, detail } = Object(body) as Record<string, unknown>;
  if (status === 200 && typeof init_script === "string")
    return { account: account as Account, script: init_script, sessionId: String(session_id) };
  const isOurs = typeof detail === "string" && status !== 404;
  const why = isOurs
    ? detail.replace(/\.$/, "")
    : `there is no testing endpoint at ${url}. Is that its address, and does the server run with GATEPASS_TESTING=true`;
  throw new Error(`gatepass: no session for this test, ${status}: ${why}${isOurs ? "." : "?"}`);
}
