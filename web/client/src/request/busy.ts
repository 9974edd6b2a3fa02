/**
 * Knows whether requests are under way: without flickering for quick ones, and without ever sticking.
 *
 *     idle ──request──► waiting ──delay──► visible ──last one ends──► lingering ──min──► idle
 *                          └──last one ends──► idle
 *
 * A request counts once, through retries and refreshes, and stops counting however it ends. What was under way when the
 * page is left counts no longer: a page that comes back from the back/forward cache never hears of it again.
 */

import { createListeners } from "../session/listeners.js";
import type { Layer } from "./layer.js";

declare module "./layer.js" {
  interface LayerOptions {
    /** False: counts nowhere (polling). A name: counts in that scope too. */
    readonly loading?: string | false;
  }
}

/** One moment; the same object until something changes. */
export interface Busy {
  /** Requests under way. */
  readonly count: number;
  /** Whether to show that. */
  readonly isVisible: boolean;
}

/** Times in ms. */
export interface LoadingOptions {
  /** Nothing is shown for what takes less. Default 200. */
  readonly delay?: number;
  /** What is shown stays that long, also over a gap between two requests. Default 400. */
  readonly min?: number;
}

/** All requests, or those of one scope. */
export interface LoadingView {
  getSnapshot(): Busy;
  /** Be called after every change. Returns what ends it. */
  subscribe(listener: () => void): () => void;
}

export interface Loading extends LoadingView {
  /** To be put outermost. May be in several clients: then they count together. */
  readonly layer: Layer;
  /** The requests with `loading: name`, or all of them where it is left out. The same object for the same arguments. */
  scope(name?: string, options?: LoadingOptions): LoadingView;
  /** Count other work until the promise settles; returns that promise. */
  track<P extends PromiseLike<unknown>>(promise: P, options?: { readonly scope?: string }): P;
}

interface View extends LoadingView {
  readonly name: string;
  /** So many are under way now. */
  count(count: number): void;
  /** None is, and that is to be seen at once. */
  reset(): void;
}

export function createLoading({ delay = 200, min = 400 }: LoadingOptions = {}): Loading {
  /** By scope and times. */
  const views = new Map<string, View>();
  /** Requests under way, by scope ("" for all). */
  const counts = new Map<string, number>();
  /** Grows when the page is left: what began before is not counted any more. */
  let visit = 0;

  function scope(name = "", options: LoadingOptions = {}): View {
    const given = { delay, min, ...options };
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

  /** Into the back/forward cache, and out of it again: other pages are gone, or were never away. */
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

function createView(name: string, { delay, min }: Required<LoadingOptions>): View {
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
      // A time that is over already is no time.
      const wait = isBusy ? delay : shownAt + min - performance.now();
      timer = setTimeout(() => become(snapshot.count, isBusy), wait);
    },
    reset() {
      clearTimeout(timer);
      become(0, false);
    },
  };
}
