/**
 * The binding key: proves that a session is this browser's own (PROTOCOL §5).
 *
 *     sign-in   32 random bytes; a CryptoKey that no script can read is kept in IndexedDB, the bytes go to the server once
 *     refresh   an HMAC under the key over the refresh token's session, generation and challenge
 *
 * A stolen cookie is worthless without it. It is kept under the first half of the session's id, which the server takes
 * from the key: so a page finds its key again, also after a crash between request and response. A session that began
 * without a key (a sign-in by the server itself) gets one by its first refresh; the bytes are kept until the server
 * has confirmed it, since that request must be repeated exactly if its response is lost.
 *
 * A key that was offered outlives the sign-ins of other tabs for a while: the browser may be on its way to a provider and
 * back with it (`gatepass/providers`), and its session begins without any word to this page.
 *
 * What is stored is input: anything that cannot sign counts as no key.
 */

import { type BrowserScope, pause } from "./browser.js";
import { CLIENT_HEADER, type EndpointRequest } from "./endpoints.js";
import type { Notes, State } from "./state-cookie.js";

/** IndexedDB never responds in some browsers; after this time (ms) it is treated as unavailable. */
const STORAGE_TIMEOUT = 3_000;
/** The name of the database and of its only store. */
const STORE = "gatepass";
const ALGORITHM = { name: "HMAC", hash: "SHA-256" };

/** How long a key that was offered may wait for its session, ms: longer than an errand to a provider (10 minutes). */
const OFFER_TIMEOUT = 900_000;

/**
 * What is stored for a session. `secret` are the key's bytes, until the server has confirmed that it has them; `until`,
 * Unix ms, is of a key whose session is not known yet.
 */
interface Kept {
  readonly key: CryptoKey;
  readonly secret?: string | undefined;
  readonly until?: number | undefined;
}

/** All keys of an issuer, by the first half of the session's id. */
type Keys = Record<string, Kept>;

/** A key that was made for a sign-in: its place in storage, and the bytes to send. */
interface Offer extends Kept {
  readonly id: string;
  readonly secret: string;
}

/** Returns the headers and the body of a refresh of the token that `state` names. */
export type Prove = (state: State) => Promise<EndpointRequest>;

/** The binding keys of this profile for one issuer. */
export interface Binding {
  /** A key for a sign-in, stored; null if none can be stored. */
  offer(): Promise<Offer | null>;
  /** Called after a sign-in, with what it offered. The keys of older sessions are deleted, and offers that are too old. */
  begin(sid: string, offered: Offer | null): void;
  /** How to prove the session `sid`; null if its key is lost for good. Rejects while storage does not respond. */
  of(sid: string): Promise<Prove | null>;
  /** The server has answered a refresh of `sid`: the bytes of its key are deleted, and if it is the first, as by `begin`. */
  confirm(sid: string): void;
  /** The session has ended: its key is deleted. */
  end(sid: string): void;
}

/**
 * Opens the keys of `issuer`. The note `key` says how the present session is proven: `<sid>+` by a key, `<sid>-` by none,
 * because it could not be stored.
 */
export function openBinding(scope: BrowserScope, issuer: string, notes: Notes): Binding {
  const { crypto } = scope;
  let held: (Kept & { readonly sid: string }) | null = null;

  async function make(): Promise<Offer> {
    const { subtle } = crypto!;
    const bytes = crypto!.getRandomValues(new Uint8Array(32));
    const named = new Uint8Array([...encode("gatepass key id"), ...bytes]);
    const id = hex(new Uint8Array(await subtle.digest("SHA-256", named))).slice(0, 16);
    const key = await subtle.importKey("raw", bytes, ALGORITHM, false, ["sign"]);
    return { id, key, secret: base64(bytes) };
  }

  /** Changes what is stored, in one transaction: so of several tabs that bind a session, one makes its key. */
  const change = (act: (keys: Keys) => Keys | null) =>
    Promise.race([transact(scope, issuer, act), pause(STORAGE_TIMEOUT).then(() => Promise.reject())]);
  /** The same as a matter of tidiness: nothing depends on it. */
  const tidy = (act: (keys: Keys) => Keys | null) => void change(act).catch(() => null);

  /** `sid` is the session, with this key. Of all others, what was offered stays: it may be on its way. */
  const settle = (sid: string, key?: CryptoKey) =>
    tidy((keys) => {
      for (const id in keys) if ((keys[id]?.until ?? 0) < Date.now()) delete keys[id];
      if (key) keys[idOf(sid)] = { key };
      return keys;
    });

  /**
   * The key of a session, proven to be one. In the place of none `made` is stored, in the same transaction: of several tabs
   * that bind a session, also of one that slept meanwhile, the first has made its key.
   */
  async function find(sid: string, made?: Offer): Promise<Kept | null> {
    if (held?.sid === sid) return held;
    let found: Kept | undefined;
    await change((keys) => {
      const id = idOf(sid);
      found = keys[id];
      if (!made || found?.key?.algorithm?.name === ALGORITHM.name) return null;
      found = { key: made.key, secret: made.secret };
      return { ...keys, [id]: found };
    });
    try {
      await sign(scope, found!.key, "");
      held = { ...found!, sid };
      return held;
    } catch {
      return null;
    }
  }

  return {
    async offer() {
      try {
        const { id, key, secret } = await make();
        await change((keys) => ({ ...keys, [id]: { key, until: Date.now() + OFFER_TIMEOUT } }));
        return { id, key, secret };
      } catch {
        return null;
      }
    },
    begin(sid, offered) {
      const isKeyed = offered?.id === idOf(sid);
      notes("key", sid + (isKeyed ? "+" : "-"));
      held = isKeyed ? { sid, key: offered.key } : null;
      settle(sid, held?.key);
    },
    async of(sid) {
      const note = notes("key");
      let kept: Kept | null = null;
      if (note === `${sid}+`) {
        kept = await find(sid);
        if (!kept) return null;
      } else if (note !== `${sid}-`) {
        kept = await make()
          .then((made) => find(sid, made))
          .catch(() => null);
      }
      return async (state) => ({
        headers: kept ? { "Gatepass-Proof": await proofOf(scope, kept.key, state) } : CLIENT_HEADER,
        // The bytes are kept until the server has them: their request must be repeated exactly if its response is lost.
        body: kept?.secret && { binding_secret: kept.secret },
      });
    },
    confirm(sid) {
      const kept = held?.sid === sid ? held : null;
      notes("key", sid + (kept ? "+" : "-"));
      if (!kept?.secret && !kept?.until) return;
      const { key } = kept;
      held = { sid, key };
      settle(sid, key);
    },
    end(sid) {
      if (notes("key")?.startsWith(sid)) notes("key", null);
      held = null;
      tidy(({ [idOf(sid)]: _ended, ...others }) => others);
    },
  };
}

/** The header that proves the refresh token which `state` names. */
export async function proofOf(scope: BrowserScope, key: CryptoKey, state: State): Promise<string> {
  const { sid, generation, challenge } = state;
  const mac = await sign(scope, key, `gatepass refresh|${sid}|${generation}|${challenge}`);
  return `${generation}.${challenge}.${base64(new Uint8Array(mac)).slice(0, 22)}`;
}

function sign(scope: BrowserScope, key: CryptoKey, text: string): Promise<ArrayBuffer> {
  return scope.crypto!.subtle.sign("HMAC", key, encode(text));
}

/** Reads the keys of an issuer and stores what `act` returns, unless it is null. Resolves when it is on disk. */
async function transact(scope: BrowserScope, issuer: string, act: (keys: Keys) => Keys | null): Promise<void> {
  const database = await openDatabase(scope.indexedDB!);
  try {
    const transaction = database.transaction(STORE, "readwrite", { durability: "strict" });
    const store = transaction.objectStore(STORE);
    const found = store.get(issuer);
    found.onsuccess = () => {
      const changed = act(Object(found.result));
      if (changed) store.put(changed, issuer);
    };
    await new Promise((resolve, reject) => {
      transaction.oncomplete = resolve;
      transaction.onabort = reject;
    });
  } finally {
    database.close();
  }
}

/** A database of this name may have any version, and lack the store: another program's, or one that was restored. */
function openDatabase(factory: IDBFactory, version?: number): Promise<IDBDatabase> {
  return new Promise((resolve, reject) => {
    const request = factory.open(STORE, version);
    request.onupgradeneeded = () => request.result.createObjectStore(STORE);
    request.onerror = request.onblocked = reject;
    request.onsuccess = () => {
      const database = request.result;
      if (database.objectStoreNames.contains(STORE)) return resolve(database);
      database.close();
      resolve(openDatabase(factory, database.version + 1));
    };
  });
}

function idOf(sid: string): string {
  return sid.slice(0, 16);
}

function encode(text: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(text);
}

function base64(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes))
    .replaceAll("+", "-")
    .replaceAll("/", "_")
    .replace("=", "");
}

function hex(bytes: Uint8Array): string {
  return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}
