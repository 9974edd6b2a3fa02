/**
 * What was set up wrongly, said once in the console, in one sentence with the mend.
 *
 * `suspicion.ts` imports this file only when it notices a symptom, so a page where all is well never loads it.
 */

import { type BrowserScope, pause } from "./browser.js";
import type { Jar, Notes } from "./state-cookie.js";
import type { TokenState } from "./token-state.js";
import type { WarningEvent } from "./types.js";

/**
 * What was noticed: a sign-in whose state cookie is not in the jar, one whose session has no cookie at all, a call from
 * another origin that failed, one that was refused as `cross-site`, a session that was made in a worker, cookies of a
 * session whose key is not here, and the same in the place of a session that this page began.
 */
export type Symptom = WarningEvent["code"];

/** How long a message of another tab may be under way, ms. */
const MESSAGE_TIMEOUT = 1_000;
const SID_LENGTH = 32;

/** What the sentences need of a session. */
export interface Parts {
  readonly scope: BrowserScope;
  readonly url: URL;
  readonly jar: Jar;
  readonly memory: TokenState;
  readonly notes: Notes;
}

/** Says what a symptom stands for, in the console and to listeners; nothing if it turns out to be none. */
export async function warn(code: Symptom, parts: Parts): Promise<void> {
  const message = await diagnose(code, parts);
  if (message === null) return;
  console.warn(`gatepass: ${message}`);
  parts.memory.events.emit({ type: "warning", code, message, at: parts.scope.performance.now() });
}

async function diagnose(symptom: Symptom, parts: Parts): Promise<string | null> {
  const { scope, url, jar, memory } = parts;
  const here = new URL(scope.location?.href ?? url.href).origin;
  switch (symptom) {
    case "worker":
      return "A session was made in a worker, which sees neither the cookies of the page nor its storage: make it in the page, and send the worker access tokens.";
    case "copied-session":
      // Elsewhere than in development the cause is the person's browser, and no mistake of this program.
      return isLoopback(here)
        ? `This browser has the cookies of a session without its key, as after storageState or cy.session: sign in afresh in each context, with gatepass/playwright or gatepass/cypress; or a page of another origin signs in at ${url.origin}, which needs a gate of its own.`
        : null;
    case "other-origin":
      return `The session of this page was replaced by one whose key is not here, as when a page of another origin signs in at ${url.origin}: such pages share one cookie, and each has keys of its own, so serve them from one origin, or give each a gate of its own (another host, port or COOKIE_PATH).`;
    case "cross-site":
      return `The server refuses sign-ins from ${here}: add it to GATEPASS_ORIGINS, or set GATEPASS_PUBLIC_URL to it if the API is reached there.`;
    case "network":
      // Another origin alone needs permission. Where nothing answers at all, the network is down, or the server.
      return here !== url.origin && (await answers(scope, url))
        ? `${url.origin} answers, but not to pages of ${here}: add ${here} to GATEPASS_ORIGINS, and let no CORS middleware or proxy answer for ${url.pathname}.`
        : null;
    case "cookies-blocked":
      return jar.isReadable
        ? `The sign-in failed: ${cookieLost(parts, here, stateCookies(scope)[0])}`
        : `The sign-in succeeded, but this browser keeps no cookies of ${url.host} for pages of ${here}: put page and API on one site, such as app.example.com and api.example.com.`;
    case "state-cookie": {
      const sid = memory.sid ?? parts.notes("key")?.slice(0, SID_LENGTH);
      // Without a session: a page before this one has signed in, and this one looks for another cookie.
      const isReload = !memory.sid;
      await pause(MESSAGE_TIMEOUT);
      // Several gates on one host have a state cookie each.
      const found = stateCookies(scope).find(({ value }) => value.startsWith(`${sid}.`));
      // Another tab may have signed out in between, and its message was under way.
      if (!sid || jar.read() || (isReload ? !found || memory.sid : memory.sid !== sid)) return null;
      const effect = isReload ? "this page is signed out" : "the next reload of this page is signed out";
      return `The sign-in succeeded, but ${effect}: ${cookieLost(parts, here, found)}`;
    }
  }
}

function isLoopback(origin: string): boolean {
  return /^(localhost|127\.0\.0\.1|\[::1\]|.*\.localhost)$/.test(new URL(origin).hostname);
}

/** Whether the server can be reached without CORS. */
async function answers(scope: BrowserScope, url: URL): Promise<boolean> {
  const probe = `${url.href.replace(/\/+$/, "")}/jwks.json`;
  return scope.fetch(probe, { mode: "no-cors", credentials: "omit", cache: "no-store" }).then(
    () => true,
    () => false,
  );
}

interface Cookie {
  readonly name: string;
  readonly value: string;
}

/** The state cookies of all gates on this host. */
function stateCookies({ document }: BrowserScope): Cookie[] {
  const pairs = [...(document?.cookie ?? "").matchAll(/(?:^|; )((?:__Host-)?gatepass_state[^=]*)=([^;]*)/g)];
  return pairs.map(([, name, value]) => ({ name: name!, value: value! }));
}

/** `found`: the state cookie that is there under another name, if any. */
function cookieLost({ url, jar: { names } }: Parts, here: string, found: Cookie | undefined): string {
  if (found) {
    return `the server has set ${found.name}, and this page expects ${names.at(-1)}. Set GATEPASS_PUBLIC_URL to ${here}, or pass stateCookie: "${found.name}" if a development proxy hides the server's port.`;
  }
  if (url.protocol === "http:" && !isLoopback(url.origin)) {
    return `browsers refuse its cookies over plain http, except on localhost. Serve the page by https.`;
  }
  return `its cookies are blocked by the browser, or a proxy has removed Set-Cookie from the response.`;
}
