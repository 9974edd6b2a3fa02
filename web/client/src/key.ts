/**
 * The client key: what tells the owner of a refresh token from a thief (PROTOCOL §5).
 *
 * It is made once per browser profile and issuer and cannot be read by any script, ours included. The same refresh
 * token always goes with the same header value, so a repeat after a lost answer is recognised as ours, while a copied
 * cookie in another browser conflicts at its first use.
 */

import type { Scope } from "./scope.js";
import type { State } from "./state.js";

/** IndexedDB of some browsers never answers; past this it counts as refused. */
const PATIENCE = 3_000;

const ALGORITHM = { name: "HMAC", hash: "SHA-256", length: 256 };

/** The key of this profile for `issuer`, made if there is none; null where storage or WebCrypto is refused. */
export async function loadKey(scope: Scope, issuer: string): Promise<CryptoKey | null> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<null>((resolve) => {
    timer = setTimeout(resolve, PATIENCE, null);
  });
  try {
    // Made before the transaction is opened: one that waits for anything but itself is closed by the browser.
    const made = scope.crypto!.subtle.generateKey(ALGORITHM, false, ["sign"]);
    return await Promise.race([made.then((key) => getOrAdd(scope.indexedDB!, issuer, key)), late]);
  } catch {
    return null;
  } finally {
    clearTimeout(timer);
  }
}

/** The Idempotency-Key for presenting the refresh token that `state` names. */
export async function idempotencyKey(scope: Scope, key: CryptoKey, { sid, generation }: State): Promise<string> {
  const text = new TextEncoder().encode(`${sid}|${generation}`);
  const mac = new Uint8Array(await scope.crypto!.subtle.sign("HMAC", key, text));
  const base64 = btoa(String.fromCharCode(...mac));
  return `${generation}.${base64.replaceAll("+", "-").replaceAll("/", "_").slice(0, 22)}`;
}

/** One transaction, so that of several tabs one adds and all read the same. */
async function getOrAdd(factory: IDBFactory, issuer: string, made: CryptoKey): Promise<CryptoKey> {
  const open = factory.open("gatepass", 1);
  open.onupgradeneeded = () => open.result.createObjectStore("keys");
  const database = await new Promise<IDBDatabase>((resolve, reject) => {
    open.onsuccess = () => resolve(open.result);
    open.onerror = () => reject(open.error);
  });
  try {
    return await new Promise((resolve, reject) => {
      const transaction = database.transaction("keys", "readwrite", { durability: "strict" });
      const keys = transaction.objectStore("keys");
      let found = keys.get(issuer);
      found.onsuccess = () => {
        if (found.result) return;
        keys.add(made, issuer);
        found = keys.get(issuer);
      };
      transaction.oncomplete = () => resolve(found.result);
      transaction.onabort = () => reject(transaction.error);
    });
  } finally {
    database.close();
  }
}
