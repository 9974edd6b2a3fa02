import { setImmediate } from "node:timers/promises";

import { IDBDatabase, IDBFactory } from "fake-indexeddb";
import { describe, expect, it, vi } from "vitest";

import { idempotencyKey, loadClientKey } from "../../src/session/client-key.js";
import { contract } from "../contract.js";

interface Vector {
  name: string;
  client_key: string;
  sid: string;
  generation: number;
  header: string;
}

const STATE = { sid: "00112233445566778899aabbccddeeff", generation: 7 };

/** With the real WebCrypto, and a whole IndexedDB. */
function profile() {
  const { fetch, performance, crypto } = globalThis;
  return { fetch, performance, crypto, indexedDB: new IDBFactory() };
}

describe("the Idempotency-Key", () => {
  it.each(contract<Vector[]>("idempotency_keys"))("$name", async ({ client_key, header, ...state }) => {
    const algorithm = { name: "HMAC", hash: "SHA-256" };
    const key = await crypto.subtle.importKey("raw", Buffer.from(client_key, "hex"), algorithm, false, ["sign"]);
    expect(await idempotencyKey(profile(), key, state)).toBe(header);
  });
});

describe("the client key", () => {
  it("cannot be read by any script", async () => {
    const key = (await loadClientKey(profile(), "https://api.example.com/auth"))!;
    expect(key).toMatchObject({ extractable: false, usages: ["sign"], algorithm: { name: "HMAC", length: 256 } });
    await expect(crypto.subtle.exportKey("raw", key)).rejects.toThrow();
  });

  it("is one per profile and issuer, also when six tabs make it at once", async () => {
    const scope = profile();
    const keys = await Promise.all(Array.from({ length: 6 }, () => loadClientKey(scope, "https://a.example/auth")));
    const headers = await Promise.all(keys.map((key) => idempotencyKey(scope, key!, STATE)));
    expect(new Set(headers).size).toBe(1);
    const other = await loadClientKey(scope, "https://b.example/auth");
    expect(await idempotencyKey(scope, other!, STATE)).not.toBe(headers[0]);
  });

  it("is durable before it is used", async () => {
    const scope = profile();
    const transaction = vi.spyOn(IDBDatabase.prototype, "transaction");
    await loadClientKey(scope, "https://a.example/auth");
    expect(transaction.mock.calls.filter(([stores]) => stores === "keys")).toEqual([
      ["keys", "readwrite", { durability: "strict" }],
    ]);
  });

  it("is null where storage or WebCrypto is refused, or never answers", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    const { crypto, indexedDB, ...none } = profile();
    expect(await loadClientKey({ ...none, indexedDB }, "x")).toBeNull();
    expect(await loadClientKey({ ...none, crypto }, "x")).toBeNull();
    vi.clearAllTimers();
    const silent = { open: () => ({}) } as never;
    const waiting = loadClientKey({ ...profile(), indexedDB: silent }, "x");
    while (vi.getTimerCount() === 0) await setImmediate();
    await vi.advanceTimersByTimeAsync(3_000);
    expect(await waiting).toBeNull();
    vi.useRealTimers();
  });
});
