/**
 * The network of this page, with a switch: while offline, requests fail as in a browser without a connection.
 *
 * The session and Axios both use it, so the switch affects refreshes and calls alike.
 */

import { type AxiosAdapter, AxiosError, getAdapter } from "axios";

let isCut = false;
const overAir = getAdapter("fetch");

/** Disconnects or reconnects this tab, and dispatches the event of the browser. */
export function cutNetwork(cut: boolean): void {
  isCut = cut;
  window.dispatchEvent(new Event(cut ? "offline" : "online"));
}

/** `fetch`; while offline it rejects with the TypeError of a network error (Fetch §5.6). */
export const networkFetch: typeof fetch = (input, init) =>
  isCut ? Promise.reject(new TypeError("Failed to fetch")) : globalThis.fetch(input, init);

/** The same for Axios, with the ERR_NETWORK of its own adapters. */
export const networkAdapter: AxiosAdapter = (config) =>
  isCut ? Promise.reject(new AxiosError("Network Error", AxiosError.ERR_NETWORK, config)) : overAir(config);
