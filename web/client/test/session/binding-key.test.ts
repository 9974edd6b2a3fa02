import { setImmediate } from "node:timers/promises";

import { IDBDatabase, IDBFactory } from "fake-indexeddb";
import { describe, expect, it, vi } from "vitest";

import { openBinding, proofOf } from "../../src/session/binding-key.js";
import type { Notes } from "../../src/session/state-cookie.js";
import { contract } from "../contract.js";

interface Vector {
  name: string;
  key: string;
  binding_secret: string;
  key_id: string;
  sid: string;
  generation: number;
  challenge: string;
  header: string;
}

const VECTORS = contract<Vector[]>("binding_proofs");
const ISSUER = "https://api.example.com/auth";
const SID = "00112233445566778899aabbccddeeff";
const STATE = { sid: SID, generation: 7, challenge: "q83vEjRWeJo" };

/** With the real WebCrypto, and a whole IndexedDB. */
function profile() {
  const { fetch, performance, crypto } = globalThis;
  return { fetch, performance, crypto, indexedDB: new IDBFactory() };
}

function createNotes(): Notes {
  const texts = new Map<string, string>();
  return (name, text) => {
    if (text) texts.set(name, text);
    else if (text === null) texts.delete(name);
    return texts.get(name) ?? null;
  };
}

/** A tab of `scope`; tabs that share `notes` share a profile. */
function tab(scope: Partial<ReturnType<typeof profile>> = profile(), notes = createNotes(), issuer = ISSUER) {
  return openBinding({ ...profile(), ...scope }, issuer, notes);
}

/** The session that a server begins with an offered key. */
const sidOf = (id: string) => id + "f".repeat(16);

describe("the proof", () => {
  it.each(VECTORS)("$name", async ({ key, header, ...state }) => {
    const algorithm = { name: "HMAC", hash: "SHA-256" };
    const imported = await crypto.subtle.importKey("raw", Buffer.from(key, "hex"), algorithm, false, ["sign"]);
    expect(await proofOf(profile(), imported, state)).toBe(header);
  });

  it.each(VECTORS)("is found by the id that the server makes of the key: $name", async (vector) => {
    const scope = profile();
    const { subtle } = crypto;
    const fill = () => new Uint8Array(Buffer.from(vector.key, "hex"));
    const offered = await tab({ ...scope, crypto: { subtle, getRandomValues: fill } as never }).offer();
    expect(offered).toMatchObject({ id: vector.key_id, secret: vector.binding_secret });
  });
});

describe("a sign-in", () => {
  it("offers a key whose bytes no script can read afterwards", async () => {
    const { key } = (await tab().offer())!;
    expect(key).toMatchObject({ extractable: false, usages: ["sign"], algorithm: { name: "HMAC", length: 256 } });
    await expect(crypto.subtle.exportKey("raw", key)).rejects.toThrow();
  });

  it("stores the key durably before it is sent, so another tab finds it after a crash", async () => {
    const scope = profile();
    const transaction = vi.spyOn(IDBDatabase.prototype, "transaction");
    const { id, key } = (await tab(scope).offer())!;
    expect(transaction.mock.calls.at(-1)).toEqual(["gatepass", "readwrite", { durability: "strict" }]);
    const sid = sidOf(id);
    const request = await (await tab(scope).of(sid))!({ ...STATE, sid });
    expect(request.headers!["Gatepass-Proof"]).toBe(await proofOf(scope, key, { ...STATE, sid }));
    expect(request.body).toBeUndefined();
  });

  it("deletes the keys of the sessions before, of this issuer alone", async () => {
    const scope = profile();
    const [before, elsewhere] = [tab(scope), tab(scope, createNotes(), "https://other.example/auth")];
    const [old, other] = [(await before.offer())!, (await elsewhere.offer())!];
    before.begin(sidOf(old.id), old);
    const offered = (await before.offer())!;
    before.begin(sidOf(offered.id), offered);
    await before.offer();
    const notes = createNotes();
    notes("key", `${sidOf(old.id)}+`);
    expect(await tab(scope, notes).of(sidOf(old.id))).toBeNull();
    expect(await elsewhere.of(sidOf(other.id))).not.toBeNull();
  });

  it.each(["indexedDB", "crypto"] as const)(
    "offers nothing where %s is refused, and is unbound for good",
    async (name) => {
      const notes = createNotes();
      const refused = openBinding({ ...profile(), [name]: undefined } as never, ISSUER, notes);
      expect(await refused.offer()).toBeNull();
      refused.begin(SID, null);
      const prove = await tab(profile(), notes).of(SID);
      expect(await prove!(STATE)).toEqual({ headers: { "Gatepass-Client": "1" } });
    },
  );
});

describe("a key that is on its way to a provider", () => {
  /** A key is offered, and then another tab signs in with its own. */
  async function overtaken() {
    const [scope, notes] = [profile(), createNotes()];
    const own = (await tab(scope, notes).offer())!;
    const other = tab(scope, notes);
    const offered = (await other.offer())!;
    other.begin(sidOf(offered.id), offered);
    return { scope, notes, other, sid: sidOf(own.id), id: own.id };
  }

  it("is found by the page that comes back, though another tab has signed in meanwhile", async () => {
    const { scope, notes, sid } = await overtaken();
    const back = tab(scope, notes);
    const proven = await (await back.of(sid))!({ ...STATE, sid });
    expect(proven.headers!["Gatepass-Proof"]).toMatch(/^7\.q83vEjRWeJo\.[\w-]{22}$/);
    expect(proven.body).toBeUndefined();
  });

  it("is one of several, and each finds its own", async () => {
    const [scope, notes] = [profile(), createNotes()];
    const offered = await Promise.all([1, 2, 3].map(() => tab(scope, notes).offer()));
    for (const one of offered) {
      const back = tab(scope, notes);
      const sid = sidOf(one!.id);
      expect((await (await back.of(sid))!({ ...STATE, sid })).body).toBeUndefined();
      back.confirm(sid);
    }
  });

  it("takes the place of older keys with the first refresh, and stays", async () => {
    const { scope, notes, other, sid } = await overtaken();
    const older = (await other.offer())!;
    other.begin(sidOf(older.id), older);
    const back = tab(scope, notes);
    await back.of(sid);
    back.confirm(sid);
    expect(notes("key")).toBe(`${sid}+`);
    notes("key", `${sidOf(older.id)}+`);
    expect(await tab(scope, notes).of(sidOf(older.id))).toBeNull();
    notes("key", `${sid}+`);
    expect(await tab(scope, notes).of(sid)).not.toBeNull();
  });

  it("is tidied with a later sign-in, if it never came back", async () => {
    const { scope, notes, other, sid } = await overtaken();
    vi.spyOn(Date, "now").mockReturnValue(Date.now() + 16 * 60_000);
    const offered = (await other.offer())!;
    other.begin(sidOf(offered.id), offered);
    notes("key", `${sid}+`);
    expect(await tab(scope, notes).of(sid)).toBeNull();
    vi.restoreAllMocks();
  });
});

describe("a session that began without a key", () => {
  it("is bound by its refreshes with one key, whichever tab asks, until the server has confirmed", async () => {
    const scope = profile();
    const notes = createNotes();
    const tabs = Array.from({ length: 6 }, () => tab(scope, notes));
    const proofs = await Promise.all(tabs.map((one) => one.of(SID)));
    const requests = await Promise.all(proofs.map((prove) => prove!(STATE)));
    expect(new Set(requests.map((request) => JSON.stringify(request))).size).toBe(1);
    expect(requests[0]!.body).toMatchObject({ binding_secret: expect.stringMatching(/^[\w-]{43}$/) });
    tabs[0]!.confirm(SID);
    await tabs[0]!.offer();
    const { headers, body } = await (await tab(scope, notes).of(SID))!(STATE);
    expect([headers, body]).toEqual([requests[0]!.headers, undefined]);
  });

  it("keeps the key of the first tab, though another that slept meanwhile was about to make one", async () => {
    const scope = profile();
    const [first, second] = [tab(scope), tab(scope)];
    const { digest } = crypto.subtle;
    let wake!: () => void;
    const asleep = new Promise<void>((resolve) => (wake = resolve));
    vi.spyOn(crypto.subtle, "digest").mockImplementationOnce(async (...of) => {
      await asleep;
      return digest.apply(crypto.subtle, of);
    });
    const late = second.of(SID);
    const request = await (await first.of(SID))!(STATE);
    first.confirm(SID);
    await first.offer();
    wake();
    expect(await (await late)!(STATE)).toEqual({ headers: request.headers, body: undefined });
  });

  it("stays unbound where no key can be stored", async () => {
    const notes = createNotes();
    const refused = openBinding({ ...profile(), indexedDB: undefined } as never, ISSUER, notes);
    expect(await (await refused.of(SID))!(STATE)).toEqual({ headers: { "Gatepass-Client": "1" } });
    expect(notes("key")).toBeNull();
    refused.confirm(SID);
    expect(await (await tab(profile(), notes).of(SID))!(STATE)).toEqual({ headers: { "Gatepass-Client": "1" } });
  });
});

describe("storage", () => {
  const keyed = () => {
    const notes = createNotes();
    notes("key", `${SID}+`);
    return notes;
  };

  it.each([
    ["nothing", undefined],
    ["a text", "not a key"],
    ["a key that is none", { [SID.slice(0, 16)]: { key: {} } }],
    ["null", { [SID.slice(0, 16)]: null }],
  ])("that holds %s holds no key: it is lost for good", async (_name, junk) => {
    const scope = profile();
    await tab(scope).offer();
    const open = scope.indexedDB.open("gatepass");
    await new Promise((resolve) => {
      open.onsuccess = () => {
        const transaction = open.result.transaction("gatepass", "readwrite");
        transaction.objectStore("gatepass").put(junk, ISSUER);
        transaction.oncomplete = () => resolve(open.result.close());
      };
    });
    expect(await tab(scope, keyed()).of(SID)).toBeNull();
  });

  it.each([
    ["the store of today's client", 1, "keys"],
    ["another program's store, of a later version", 7, "x"],
    ["no store", 2, null],
  ])("whose database has %s gets its own", async (_name, version, store) => {
    const scope = profile();
    await new Promise((resolve) => {
      const open = scope.indexedDB.open("gatepass", version);
      open.onupgradeneeded = () => store && open.result.createObjectStore(store);
      open.onsuccess = () => resolve(open.result.close());
    });
    const { id } = (await tab(scope).offer())!;
    expect(await tab(scope).of(sidOf(id))).not.toBeNull();
  });

  it("that never responds is no loss: it may respond later", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    const silent = { open: () => ({}) } as never;
    const waiting = openBinding({ ...profile(), indexedDB: silent }, ISSUER, keyed()).of(SID);
    const failed = expect(waiting).rejects.toBeUndefined();
    while (vi.getTimerCount() === 0) await setImmediate();
    await vi.advanceTimersByTimeAsync(3_000);
    await failed;
    vi.useRealTimers();
  });

  it("keeps no key of a session that has ended", async () => {
    const scope = profile();
    const notes = createNotes();
    const one = tab(scope, notes);
    await one.of(SID);
    one.end(SID);
    await one.offer();
    expect(notes("key")).toBeNull();
    expect(await tab(scope, keyed()).of(SID)).toBeNull();
  });
});
