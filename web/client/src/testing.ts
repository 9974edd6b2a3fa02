/**
 * For tests of applications: a controllable session, a server with faults, and a browser with several tabs.
 *
 *     const session = fakeSession({ status: "degraded" });           // components that read a session
 *     const { fetch, server } = faultServer();                       // a page and its requests
 *     const { server, browser, tabs } = fakeTabs(3);                 // tabs that share one session
 *
 * The server implements the refresh table of the protocol: a client that reuses a refresh token is signed out here too.
 * Everything waits on `setTimeout` and `Date`, so with fake timers a test of an hour takes no time. No dependencies.
 */

import { createSession } from "./session/session.js";
import type { Session, SessionOptions } from "./session/types.js";
import { FakeProfile, type FakeTab, type ProfileOptions } from "./testing/fake-browser.js";
import { FaultServer } from "./testing/fault-server.js";

export { FakeProfile, FakeTab, type Fault, type ProfileOptions } from "./testing/fake-browser.js";
export { FakeFactors } from "./testing/fake-factors.js";
export type { Case } from "./testing/fake-refresh-table.js";
export { type FakeSession, fakeSession, needsSecondStep } from "./testing/fake-session.js";
export { FaultServer } from "./testing/fault-server.js";
export { accountOf, type Incoming, type Outgoing, problem } from "./testing/messages.js";

/** A server, and a `fetch` that is connected to it. */
export interface Connection {
  readonly server: FaultServer;
  /** The network between them: set `faults` and `offline`, read the cookies in `jar`. */
  readonly network: FakeProfile;
  /** For `createSession({ fetch })` and `createClient({ fetch })`. */
  readonly fetch: typeof fetch;
}

/**
 * For a test in Node, jsdom or happy-dom whose code creates its own session. If there is a document, it gets the state
 * cookie, as from a real server; `stateCookie` is the name under which the session reads it.
 */
export function faultServer({ stateCookie = "gatepass_state_8000" }: { stateCookie?: string } = {}): Connection {
  const server = new FaultServer(stateCookie);
  const network = new FakeProfile(server);
  return {
    server,
    network,
    async fetch(input, init) {
      const request = input instanceof Request ? input : undefined;
      const answer = await network.send(request?.url ?? `${input}`, {
        ...(request && (await initOf(request))),
        ...init,
      });
      const state = network.jar.get(stateCookie);
      if (globalThis.document) {
        // biome-ignore lint/suspicious/noDocumentCookie: the session reads it there
        document.cookie = state ? `${stateCookie}=${state}; Path=/` : `${stateCookie}=; Path=/; Max-Age=0`;
      }
      return answer;
    },
  };
}

async function initOf(request: Request): Promise<RequestInit> {
  const { method, headers, signal, body } = request;
  return { method, headers, signal, ...(body && { body: await request.text() }) };
}

/** A tab, and the session of its page. */
export interface Page {
  readonly tab: FakeTab;
  readonly session: Session;
}

/** Opens `count` tabs of one browser, each with its session. `options` can disable Web Locks, storage or channels. */
export function fakeTabs(
  count: number,
  { session = {}, ...options }: ProfileOptions & { readonly session?: Partial<SessionOptions> } = {},
): { readonly server: FaultServer; readonly browser: FakeProfile; readonly tabs: readonly Page[]; open(): Page } {
  const server = new FaultServer();
  const browser = new FakeProfile(server, options);
  const open = (): Page => {
    const tab = browser.tab();
    return { tab, session: createSession({ baseURL: "/auth", ...session }, tab) };
  };
  return { server, browser, tabs: Array.from({ length: count }, open), open };
}
