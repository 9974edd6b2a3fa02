/** Public reports about other clients, tried on this one. */

import axios, { type AxiosAdapter, AxiosError } from "axios";
import { describe, expect, it } from "vitest";

import { attachAxios } from "../../src/axios.js";
import { createClient, createFetch } from "../../src/fetch.js";
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

describe("a request that is given up", () => {
  const refused = { status: 401, headers: { "WWW-Authenticate": 'Bearer error="invalid_token"' } };

  it("while its refusal is read is not sent again by Axios, whose adapters for Node do not look", async () => {
    const { session, server } = await signedIn();
    await pass(10);
    const gone = new AbortController();
    let sent = 0;
    const adapter: AxiosAdapter = async (config) => {
      sent++;
      const data = { getReader: () => null };
      // Late, so that a newer token is there already.
      await session.refresh();
      queueMicrotask(() => gone.abort());
      throw new AxiosError("no", "ERR_BAD_REQUEST", config, {}, { ...refused, data, statusText: "", config });
    };
    const instance = axios.create({ baseURL: "http://localhost:8000/api", adapter });
    attachAxios(instance, { session });
    await expect(settled(instance.get("/notes", { signal: gone.signal }))).rejects.toMatchObject({
      code: "ERR_CANCELED",
    });
    expect([sent, calls(server, "/auth/refresh")]).toEqual([1, 1]);
  });

  it.each(["createClient", "createFetch"] as const)(
    "while it waits for a refresh is not sent again by %s, and the others are",
    async (name) => {
      const { session, profile, server } = await signedIn();
      await pass(10);
      profile.faults = [{ lag: 2_000 }];
      const sent: string[] = [];
      const fetch: typeof globalThis.fetch = async (url, init) => {
        sent.push(new URL(`${url}`).pathname);
        init?.signal?.throwIfAborted();
        return sent.length > 2 ? new Response() : new Response(null, refused);
      };
      const client = createClient({ session, fetch });
      const send = createFetch({ session, fetch });
      const get = (path: string, signal: AbortSignal | null) =>
        name === "createFetch" ? send(`http://localhost:8000${path}`, { signal }) : client.get(path, { signal });
      const gone = new AbortController();
      const left = get("/left", gone.signal).catch((error: unknown) => error);
      const stays = get("/stays", null);
      await pass(1);
      gone.abort();
      await settled(Promise.all([left, stays]));
      expect(sent).toEqual(["/left", "/stays", "/stays"]);
      expect(calls(server, "/auth/refresh")).toBe(1);
    },
  );
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
