/**
 * Counts requests in progress and decides when to show that: no flicker for short ones, and never stuck.
 *
 *     idle ──request──► waiting ──delay──► visible ──last one ends──► lingering ──min──► idle
 *                          └──last one ends──► idle
 *
 * A request counts once, including its retries and refreshes, until it settles. Requests that are in progress when the
 * page is left no longer count: a page restored from the back/forward cache never gets their results.
 */

import { createListeners } from "../session/listeners.js";
import type { Layer } from "./layer.js";

declare module "./layer.js" {
  interface LayerOptions {
    /** False: not counted (polling). A name: also counted in that scope. */
    readonly loading?: string | false | undefined;
  }
}

/** A snapshot; the same object until it changes. */
export interface Busy {
  /** Requests in progress. */
  readonly count: number;
  /** Whether to show an indicator. */
  readonly isVisible: boolean;
}

/** Times in ms. */
export interface LoadingOptions {
  /** Nothing is shown for requests that take less. Default 200. */
  readonly delay?: number | undefined;
  /** An indicator stays for at least this long, also across a gap between two requests. Default 400. */
  readonly min?: number | undefined;
}

/** All requests, or those of one scope. */
export interface LoadingView {
  getSnapshot(): Busy;
  /** Calls `listener` after every change. Returns a function that stops it. */
  subscribe(listener: () => void): () => void;
}

export interface Loading extends LoadingView {
  /** The layer; put it first. Clients that share it are counted together. */
  readonly layer: Layer;
  /** The requests with `loading: name`, or all if `name` is omitted. Returns the same object for the same arguments. */
  scope(name?: string, options?: LoadingOptions): LoadingView;
  /** Counts other work until the promise settles. Returns that promise. */
  track<P extends PromiseLike<unknown>>(promise: P, options?: { readonly scope?: string | undefined }): P;
}

interface View extends LoadingView {
  readonly name: string;
  /** Sets the number in progress. */
  count(count: number): void;
  /** Sets it to 0 and hides the indicator at once. */
  reset(): void;
}

export function createLoading({ delay = 200, min = 400 }: LoadingOptions = {}): Loading {
  /** Keyed by scope and times. */
  const views = new Map<string, View>();
  /** Requests in progress by scope ("" for all). */
  const counts = new Map<string, number>();
  /** Incremented when the page is left: requests of an earlier visit no longer count. */
  let visit = 0;

  function scope(name = "", options: LoadingOptions = {}): View {
    const given = { delay: options.delay ?? delay, min: options.min ?? min };
    const key = `${[given.delay, given.min, name]}`;
    const view = views.get(key) ?? createView(name, given);
    views.set(key, view);
    view.count(counts.get(name) ?? 0);
    return view;
  }

  function add(name: string, one: 1 | -1): void {
    const count = (counts.get(name) ?? 0) + one;
    counts.set(name, count);
    for (const view of views.values()) if (view.name === name) view.count(count);
  }

  function count<P extends PromiseLike<unknown>>(promise: P, name = ""): P {
    const names = new Set(["", name]);
    const now = visit;
    for (const name of names) add(name, 1);
    const end = () => {
      if (now === visit) for (const name of names) add(name, -1);
    };
    promise.then(end, end);
    return promise;
  }

  /** The page goes into the back/forward cache or comes out of it. Without `persisted` it is loaded or unloaded. */
  function leave({ persisted }: PageTransitionEvent): void {
    if (!persisted) return;
    visit++;
    counts.clear();
    for (const view of views.values()) view.reset();
  }
  for (const type of ["pagehide", "pageshow"] as const) globalThis.addEventListener?.(type, leave);

  return {
    ...scope(),
    scope,
    track: (promise, options) => count(promise, options?.scope),
    layer(call, next) {
      const name = call.options.loading as string | false | undefined;
      return name === false ? next(call) : count(next(call), name);
    },
  };
}

function createView(name: string, { delay, min }: { delay: number; min: number }): View {
  const changed = createListeners<void>();
  let snapshot: Busy = { count: 0, isVisible: false };
  let shownAt = 0;
  let timer: ReturnType<typeof setTimeout> | undefined;

  function become(count: number, isVisible: boolean): void {
    if (isVisible && !snapshot.isVisible) shownAt = performance.now();
    snapshot = { count, isVisible };
    changed.emit();
  }

  return {
    name,
    getSnapshot: () => snapshot,
    subscribe: changed.add,
    count(count) {
      const { isVisible, count: before } = snapshot;
      if (count === before) return;
      become(count, isVisible);
      const isBusy = count > 0;
      if (isBusy === before > 0) return;
      clearTimeout(timer);
      if (isBusy === isVisible) return;
      // May be negative; setTimeout takes that as 0.
      const wait = isBusy ? delay : shownAt + min - performance.now();
      timer = setTimeout(() => become(snapshot.count, isBusy), wait);
    },
    reset() {
      clearTimeout(timer);
      become(0, false);
    },
  };
}
