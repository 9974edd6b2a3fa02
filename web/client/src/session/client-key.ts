/**
 * The client key: what tells the owner of a refresh token from a thief (PROTOCOL §5).
 *
 * It is made once per browser profile and issuer and cannot be read by any script, ours included. The same refresh
 * token always goes with the same header value, so a repeat after a lost answer is recognised as ours, while a copied
 * cookie in another browser conflicts at its first use.
 */

import { type BrowserScope, pause } from "./browser.js";
import type { State } from "./state-cookie.js";

/** IndexedDB of some browsers never answers; past this (ms) it counts as refused. */
const STORAGE_TIMEOUT = 3_000;

/** The key of this profile for `issuer`, made if there is none; null where storage or WebCrypto is refused. */
export async function loadClientKey(scope: BrowserScope, issuer: string): Promise<CryptoKey | null> {
  try {
    // Made before the transaction is opened: one that waits for anything but itself is closed by the browser.
    const made = await scope.crypto!.subtle.generateKey({ name: "HMAC", hash: "SHA-256", length: 256 }, false, [
      "sign",
    ]);
    return (await Promise.race([getOrAdd(scope.indexedDB!, issuer, made), pause(STORAGE_TIMEOUT)])) ?? null;
  } catch {
    return null;
  }
}

/** The Idempotency-Key for presenting the refresh token that `state` names. */
export async function idempotencyKey(scope: BrowserScope, key: CryptoKey, { sid, generation }: State): Promise<string> {
  const mac = await scope.crypto!.subtle.sign("HMAC", key, new TextEncoder().encode(`${sid}|${generation}`));
  const base64 = btoa(String.fromCharCode(...new Uint8Array(mac)));
  return `${generation}.${base64.slice(0, 22).replaceAll("+", "-").replaceAll("/", "_")}`;
}

/** One transaction, so that of several tabs one adds and all read the same. */
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
