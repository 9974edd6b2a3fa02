/** Promises of a test: one that is kept later, and the error of one that is broken. */

import { settled } from "./clock.js";

export const later = <Value>(value: Value): Promise<Value> =>
  new Promise((resolve) => setTimeout(() => resolve(value), 10));
export const failed = (promise: Promise<unknown>) => settled(promise.catch((error: unknown) => error));
