/**
 * The client key: distinguishes the owner of a refresh token from a thief (PROTOCOL §5).
 *
 * It is created once per browser profile and issuer, and no script can read it, including this one. The same refresh
 * token is always sent with the same header value: after a lost response the server recognises the repetition, while a
 * copied cookie in another browser conflicts at its first use.
 */

import { type BrowserScope, pause } from "./browser.js";
import type { State } from "./state-cookie.js";

/** IndexedDB never responds in some browsers; after this time (ms) it is treated as unavailable. */
const STORAGE_TIMEOUT = 3_000;

/** The key of this profile for `issuer`, created if there is none; null if storage or WebCrypto is unavailable. */
export async function loadClientKey(scope: BrowserScope, issuer: string): Promise<CryptoKey | null> {
  try {
    // Created before the transaction: the browser closes a transaction that waits for anything but its own requests.
    const made = await scope.crypto!.subtle.generateKey({ name: "HMAC", hash: "SHA-256", length: 256 }, false, [
      "sign",
    ]);
    return (await Promise.race([getOrAdd(scope.indexedDB!, issuer, made), pause(STORAGE_TIMEOUT)])) ?? null;
  } catch {
    return null;
  }
}

/** The Idempotency-Key to send with the refresh token that `state` names. */
export async function idempotencyKey(scope: BrowserScope, key: CryptoKey, { sid, generation }: State): Promise<string> {
  const mac = await scope.crypto!.subtle.sign("HMAC", key, new TextEncoder().encode(`${sid}|${generation}`));
  const base64 = btoa(String.fromCharCode(...new Uint8Array(mac)));
  return `${generation}.${base64.slice(0, 22).replaceAll("+", "-").replaceAll("/", "_")}`;
}

/** One transaction, so that of several tabs one adds a key and all get the same. */
function getOrAdd(factory: IDBFactory, issuer: string, made: CryptoKey): Promise<CryptoKey> {
  return new Promise((resolve, reject) => {
    const open = factory.open("gatepass", 1);
    open.onupgradeneeded = () => open.result.createObjectStore("keys");
    open.onerror = reject;
    open.onsuccess = () => {
      const transaction = open.result.transaction("keys", "readwrite", { durability: "strict" });
      const keys = transaction.objectStore("keys");
      let found = keys.get(issuer);
      found.onsuccess = () => {
        if (found.result) return;
        keys.add(made, issuer);
        found = keys.get(issuer);
      };
      transaction.onabort = reject;
      transaction.oncomplete = () => {
        open.result.close();
        resolve(found.result);
      };
    };
  });
}
