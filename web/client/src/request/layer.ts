/**
 * Layers: what happens to a request between the interceptors and the network, the same for fetch and for Axios.
 *
 *     interceptors → loading → log → retry → session (token, refresh, replay) → network, and back
 *
 * A layer is a function around the next one. It sees one logical request and may send it on more than once (retry);
 * interceptors stay outside and run once. Every failure that it sees can be read by `failureOf`.
 */

/** One logical request as layers see it, whichever client sends it (fetch or Axios). */
export interface Call {
  /** That of the request's events. */
  readonly id: number;
  /** In upper case. */
  readonly method: string;
  /** Absolute. */
  readonly url: URL;
  readonly headers: { get(name: string): string | null; set(name: string, value: string): void };
  /** The caller's. A layer may pass a narrower one on: `next({ ...call, signal })`. */
  readonly signal: AbortSignal | null;
  /** False for streams. */
  readonly isReplayable: boolean;
  /** 1 for the first. */
  readonly attempt: number;
  /** What the caller gave for this request, and the client for all: `retry`, `loading`, `timeout` … */
  readonly options: Readonly<Record<string, unknown>>;
}

/** What of an answer layers may look at. */
export interface Answer {
  readonly status: number;
  readonly headers: { get(name: string): string | null };
}

/** Wraps what comes after it: loading outermost, then logging, retry, and innermost the session. */
export type Layer = <A extends Answer>(call: Call, next: (call: Call) => Promise<A>) => Promise<A>;

/**
 * What a caller may say to the layers with a request. Each layer adds its own word by declaration merging:
 * `declare module "./layer.js" { interface LayerOptions { readonly retry?: false } }`.
 */
export interface LayerOptions {
  /** For each attempt, its answer read to the end, ms. Default: none. */
  readonly timeout?: number;
}

/** The layers as one function around `last`; the first is outermost. */
export function wrap<A extends Answer>(
  layers: readonly Layer[],
  last: (call: Call) => Promise<A>,
): (call: Call) => Promise<A> {
  return layers.reduceRight<(call: Call) => Promise<A>>((next, layer) => (call) => layer(call, next), last);
}
