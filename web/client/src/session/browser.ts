/**
 * The browser APIs that a session uses. Most are optional, and none is used at import.
 *
 * A server-side renderer has almost none of them, a private window lacks some. Tests pass in fake tabs.
 */

/** The part of `globalThis` that a session uses. */
export interface BrowserScope {
  readonly fetch: typeof fetch;
  readonly performance: Pick<Performance, "now">;
  readonly crypto?: Pick<Crypto, "subtle" | "getRandomValues">;
  readonly WorkerGlobalScope?: unknown;
  readonly document?: Pick<Document, "cookie" | "visibilityState" | "addEventListener" | "removeEventListener">;
  readonly location?: Pick<Location, "href">;
  readonly localStorage?: Pick<Storage, "getItem" | "setItem" | "removeItem">;
  readonly indexedDB?: IDBFactory;
  readonly navigator?: { readonly locks?: Pick<LockManager, "request"> };
  readonly BroadcastChannel?: new (name: string) => Pick<BroadcastChannel, "postMessage" | "onmessage" | "close">;
  addEventListener?(type: string, listener: () => void): void;
  removeEventListener?(type: string, listener: () => void): void;
}

/** Resolves after `ms`. */
export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** Returns a random time between `ms / 2` and `ms`, so that tabs that failed together do not retry together. */
export function jitter(ms: number): number {
  return ms * (0.5 + Math.random() / 2);
}
