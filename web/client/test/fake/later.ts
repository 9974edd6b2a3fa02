/** Answers that come later, or fail, and a client over fetch in its world. */

import type { Client } from "../../src/fetch.js";
import type { Layer } from "../../src/request/layer.js";
import { overFetch, worldOf } from "./clients.js";
import { settled } from "./clock.js";

export const later = <Value>(value: Value): Promise<Value> =>
  new Promise((resolve) => setTimeout(() => resolve(value), 10));
export const failed = (promise: Promise<unknown>) => settled(promise.catch((error: unknown) => error));

export async function fetchWorld(layers: readonly Layer[] = []) {
  const world = await worldOf(overFetch, layers);
  return { ...world, client: world.client as Client };
}
