/** Public reports about other clients, tried on this one. */

import { describe, expect, it } from "vitest";

import { createClient } from "../../src/fetch.js";
import { retry } from "../../src/retry.js";
import { pass, settled, useFakeClock } from "../fake/clock.js";
import { calls, open, signedIn } from "../fake/world.js";

useFakeClock();

/** A signal that counts who listens to it. */
function counted(signal: AbortSignal) {
  const listeners = new Set<unknown>();
  const [add, remove] = [signal.addEventListener.bind(signal), signal.removeEventListener.bind(signal)];
  signal.addEventListener = (type: string, listener: never, options?: AddEventListenerOptions) => {
    listeners.add(listener);
    options?.signal?.addEventListener("abort", () => listeners.delete(listener));
    add(type, listener, options);
  };
  signal.removeEventListener = (type: string, listener: never) => {
    listeners.delete(listener);
    remove(type, listener);
  };
  return listeners;
}

describe("one signal for many requests", () => {
  it("has no listener of ours once they have failed, waited for a refresh, and been sent again", async () => {
    const { session, server } = await signedIn();
    const stop = new AbortController();
    const listeners = counted(stop.signal);
    let count = 0;
    const fetch: typeof globalThis.fetch = async () => {
      if (++count % 2) throw new TypeError("Failed to fetch");
      return new Response(null, { status: 401, headers: { "WWW-Authenticate": 'Bearer error="invalid_token"' } });
    };
    const client = createClient({ session, fetch, layers: [retry({ attempts: 2 })] });
    for (let round = 0; round < 5; round++) {
      await pass(10);
      await settled(client.get("/notes", { signal: stop.signal }).catch(() => null));
    }
    expect(calls(server, "/auth/refresh")).toBeGreaterThan(0);
    expect(listeners.size).toBe(0);
  });

  it("that has fired before sends nothing, with a timeout beside it and without a token", async () => {
    const { session } = await signedIn();
    await pass(1_000);
    let sent = 0;
    const fetch: typeof globalThis.fetch = async (_url, init) => {
      init!.signal!.throwIfAborted();
      sent++;
      return new Response();
    };
    const client = createClient({ session, fetch, timeout: 5_000, layers: [retry()] });
    const signal = AbortSignal.abort();
    await expect(settled(client.get("/notes", { signal }))).rejects.toMatchObject({ kind: "aborted" });
    expect(sent).toBe(0);
  });
});

describe("a page that comes back from the browser's cache of whole pages", () => {
  it("is not signed in where its next page has signed out meanwhile", async () => {
    const { session, profile, tab } = await signedIn({ channel: false });
    await settled(open(profile.tab()).signOut());
    expect(session.getSnapshot().status).toBe("active");
    tab.happen("pageshow");
    await pass(10);
    expect(session.getSnapshot()).toMatchObject({ account: null, sessionId: null });
    expect(await settled(session.token().catch(() => null))).toBeNull();
  });
});
