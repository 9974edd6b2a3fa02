/** What a tab keeps things in: the cookies of its document, localStorage, and IndexedDB, of the profile that tabs share. */

import type { BrowserScope } from "../session/browser.js";

/** A document whose cookies are those of the jar that a script may see. */
export function fakeDocument(jar: Map<string, string>, events: EventTarget): NonNullable<BrowserScope["document"]> {
  return {
    visibilityState: "visible",
    get cookie() {
      return [...jar]
        .filter(([name]) => name !== "gatepass" && !name.startsWith("gatepass_oidc_"))
        .map(([name, value]) => `${name}=${value}`)
        .join("; ");
    },
    set cookie(text: string) {
      const [pair, ...marks] = text.split("; ");
      const [name, value] = pair!.split("=") as [string, string];
      if (marks.includes("Max-Age=0")) jar.delete(name);
      else jar.set(name, value);
    },
    addEventListener: events.addEventListener.bind(events),
    removeEventListener: events.removeEventListener.bind(events),
  };
}

/** A localStorage; every use throws if it is not allowed, as where a browser blocks it. */
export function fakeStorage(items: Map<string, string>, isAllowed: boolean): NonNullable<BrowserScope["localStorage"]> {
  const use = <T>(act: () => T): T => {
    if (!isAllowed) throw new DOMException("denied", "SecurityError");
    return act();
  };
  return {
    getItem: (name) => use(() => items.get(name) ?? null),
    setItem: (name, value) => use(() => void items.set(name, value)),
    removeItem: (name) => use(() => void items.delete(name)),
  };
}

/** An IndexedDB that supports only one get and one put; `binding-key.test.ts` uses a complete IndexedDB. */
export function fakeDatabase(keys: Map<string, object>, canStore: () => boolean): IDBFactory {
  const request = (result: unknown) => {
    const made = {
      result,
      onsuccess: null as (() => void) | null,
      onerror: null as (() => void) | null,
      error: new Error("denied"),
    };
    queueMicrotask(() => (canStore() ? made.onsuccess?.() : made.onerror?.()));
    return made;
  };
  const store = {
    get: (name: string) => request(keys.get(name)),
    put: (value: object, name: string) => void keys.set(name, value),
  };
  const transaction = () => {
    const made = { objectStore: () => store, oncomplete: null as (() => void) | null };
    setTimeout(() => made.oncomplete?.(), 1);
    return made;
  };
  const database = { transaction, close: () => undefined, objectStoreNames: { contains: () => true } };
  return { open: () => request(database) } as never;
}
