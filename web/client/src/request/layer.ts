/**
 * Layers: functions around a request, between the interceptors and the network, the same for fetch and for Axios.
 *
 *     interceptors → loading → log → retry → session (token, refresh, replay) → network, and back
 *
 * Each layer wraps the next. It gets one logical request and may send it more than once (retry); interceptors are
 * outside and run once. `failureOf` reads every error that a layer can catch.
 */

/** One logical request as layers see it, of fetch or of Axios. */
export interface Call {
  /** The same as in the events of the request. */
  readonly id: number;
  /** In upper case. */
  readonly method: string;
  /** Absolute. */
  readonly url: URL;
  readonly headers: { get(name: string): string | null; set(name: string, value: string): void };
  /** The signal of the caller. A layer may pass on another: `next({ ...call, signal })`. */
  readonly signal: AbortSignal | null;
  /** False if the body is a stream or an asynchronous generator. */
  readonly isReplayable: boolean;
  /** 1 for the first attempt. */
  readonly attempt: number;
  /** Options of this request, over the defaults of the client: `retry`, `loading`, `timeout` … */
  readonly options: Readonly<Record<string, unknown>>;
}

/** The part of a response that layers may read. */
export interface Answer {
  readonly status: number;
  readonly headers: { get(name: string): string | null };
}

/** Wraps `next`. The order: loading first, then logging, then retry; the session comes last by itself. */
export type Layer = <A extends Answer>(call: Call, next: (call: Call) => Promise<A>) => Promise<A>;

/**
 * Options for layers that a request may have. Each layer adds its own by declaration merging:
 * `declare module "./layer.js" { interface LayerOptions { readonly retry?: false } }`.
 */
export interface LayerOptions {
  /** For each attempt including its body, ms. Default: none. */
  readonly timeout?: number | undefined;
}

/** Combines the layers into one function around `last`; the first is the outermost. */
export function wrap<A extends Answer>(
  layers: readonly Layer[],
  last: (call: Call) => Promise<A>,
): (call: Call) => Promise<A> {
  return layers.reduceRight<(call: Call) => Promise<A>>((next, layer) => (call) => layer(call, next), last);
}
