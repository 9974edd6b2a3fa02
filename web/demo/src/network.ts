/**
 * The network of this page, with a switch: "offline" rejects as a browser without a connection does.
 *
 * Session and Axios both go through here, so the switch cuts refreshes and calls alike.
 */

import { type AxiosAdapter, AxiosError, getAdapter } from "axios";

let isCut = false;
const overAir = getAdapter("fetch");

/** Cut or mend the connection of this tab, and say so as a browser does. */
export function cutNetwork(cut: boolean): void {
  isCut = cut;
  window.dispatchEvent(new Event(cut ? "offline" : "online"));
}

/** `fetch`, or the TypeError by which it reports that nothing could be reached (Fetch §5.6). */
export const networkFetch: typeof fetch = (input, init) =>
  isCut ? Promise.reject(new TypeError("Failed to fetch")) : globalThis.fetch(input, init);

/** The same for Axios: ERR_NETWORK is what its own adapters raise. */
export const networkAdapter: AxiosAdapter = (config) =>
  isCut ? Promise.reject(new AxiosError("Network Error", AxiosError.ERR_NETWORK, config)) : overAir(config);
