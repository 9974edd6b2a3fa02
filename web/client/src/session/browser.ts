/**
 * What of a browser this package uses: all of it optional, none of it touched at import.
 *
 * A server-side renderer has next to nothing of it, a private window refuses some. Tests hand in tabs of their own.
 */

/** `globalThis` of a tab. */
export interface BrowserScope {
  readonly fetch: typeof fetch;
  readonly performance: Pick<Performance, "now">;
  readonly crypto?: Pick<Crypto, "subtle">;
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

/** Half of `ms` at least, all of it at most: tabs that failed together do not come back together. */
export function jitter(ms: number): number {
  return ms * (0.5 + Math.random() / 2);
}
