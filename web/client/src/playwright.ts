/**
 * Fixtures for Playwright Test: each browser context begins signed in, with a session of its own, by one request.
 *
 *     import { test as base } from "@playwright/test";
 *     import { type GatepassFixtures, gatepassFixtures } from "gatepass/playwright";
 *
 *     export const test = base.extend<GatepassFixtures>(gatepassFixtures);
 *
 *     test("her notes", async ({ page, signIn }) => {
 *       await signIn("ann@example.com");
 *       await page.goto("/notes");
 *     });
 *
 * The server must run with GATEPASS_TESTING=true. Do not save the state of one sign-in (`storageState`) for many
 * contexts: it is the cookies without the key, as a thief has them. A sign-in is faster than loading such a file.
 *
 * Nothing of Playwright is imported, so there is one copy of it, the application's.
 */

import { readAnswer, requestFor, type SignInOptions } from "./end-to-end.js";
import type { Account } from "./session/types.js";

export type { SignInOptions } from "./end-to-end.js";

/** The part of Playwright's `BrowserContext` that is used here. */
export interface ContextToSignIn {
  readonly request: {
    post(
      url: string,
      options: { data: unknown; headers: Record<string, string> },
    ): Promise<{ status(): number; text(): Promise<string> }>;
  };
  addInitScript(script: { content: string }): Promise<unknown>;
}

/** Signs in one context, before its pages are opened, or before they are loaded again. */
export async function signIn(
  context: ContextToSignIn,
  email: string,
  { baseURL, ...options }: SignInOptions & { readonly baseURL?: string | undefined } = {},
): Promise<Account> {
  const { url, headers, body } = requestFor(email, options, baseURL);
  const answer = await context.request.post(url, { data: body, headers });
  const { account, script } = readAnswer(url, answer.status(), parse(await answer.text()));
  await context.addInitScript({ content: script });
  return account;
}

/** What tests get. */
export interface GatepassFixtures {
  /** Option: the address of the endpoints, below `baseURL` or absolute. Default: "/auth". */
  gatepassAuth: string;
  /** Signs in the context of this test. Without an address: an account of this very attempt. */
  signIn: (email?: string, options?: Omit<SignInOptions, "auth">) => Promise<Account>;
  /** The account of this very attempt, signed in. Ask for it, and `page` is signed in. */
  account: Account;
}

interface Attempt {
  readonly testId: string;
  readonly retry: number;
  readonly repeatEachIndex: number;
}

/** For `test.extend<GatepassFixtures>(…)`. */
export const gatepassFixtures = {
  gatepassAuth: ["/auth", { option: true }] as [string, { option: true }],

  async signIn(
    {
      context,
      baseURL,
      gatepassAuth,
    }: { context: ContextToSignIn; baseURL?: string | undefined; gatepassAuth: string },
    use: (value: GatepassFixtures["signIn"]) => Promise<void>,
    { testId, retry, repeatEachIndex }: Attempt,
  ) {
    // A retry has an account of its own: what the first attempt left behind cannot change it.
    const own = `${testId}-${repeatEachIndex}-${retry}@example.com`;
    await use((email = own, options = {}) => signIn(context, email, { ...options, auth: gatepassAuth, baseURL }));
  },

  async account({ signIn }: Pick<GatepassFixtures, "signIn">, use: (value: Account) => Promise<void>) {
    await use(await signIn());
  },
};

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
