/** Calls over a network that does what a test says, and the layer `retry` without randomness. */

import type { Answer, Call, Layer } from "../../src/request/layer.js";
import { createBudget } from "../../src/request/retry-budget.js";
import { type RetryOptions, retry } from "../../src/retry.js";

export const URL_ = new URL("https://api.example.com/x");

/** A call as a client would make it. */
export function callOf(facts: Partial<Call> = {}): Call {
  const headers = new Headers();
  const basic = { id: 1, method: "GET", url: URL_, headers, signal: null, isReplayable: true, attempt: 1, options: {} };
  return { ...basic, ...facts };
}

/** A network that does what it is told, in turn, and then answers 200. A number is a status. */
export function network(...turns: (number | Error | Record<string, string>)[]) {
  const attempts: Call[] = [];
  const at: number[] = [];
  const next = async <A extends Answer>(call: Call): Promise<A> => {
    attempts.push(call);
    at.push(performance.now());
    const turn = turns.shift() ?? 200;
    if (turn instanceof Error) throw turn;
    if (typeof turn === "number") return { status: turn, headers: new Headers() } as unknown as A;
    return { status: 503, headers: new Headers(turn) } as unknown as A;
  };
  return { next, attempts, at, waits: () => at.slice(1).map((time, index) => time - at[index]!) };
}

/** A layer with a budget of its own and no randomness. */
export function steady(options: RetryOptions = {}): Layer {
  return retry({ budget: createBudget(), draw: () => 1, ...options });
}

export const failed = (promise: Promise<unknown>) => promise.then(() => null).catch((error: unknown) => error);
