/**
 * Leaving the page for another site, and the address to come back to.
 *
 * A page that was left may be seen again as it was: by the Back button, from the browser's cache of whole pages. Then its
 * buttons must work, so a departure is over when its page is shown again.
 */

import { GatepassError } from "../errors.js";
import { pause } from "./browser.js";

/** The query parameter in which the server tells why no session began. */
export const ERROR_PARAMETER = "gatepass_error";

/** After this time (ms) the page is still here: the person has stopped the navigation, of which no event tells. */
const DEPARTURE_TIMEOUT = 10_000;

/** Where the browser comes back to, and how it leaves. */
export interface Departure {
  /** A path of this origin, or an address of an origin that the server allows. Default: this page. */
  readonly returnTo?: string | undefined;
  /** Sends the browser to another site. Default: `location.assign`. For tests, and for pages inside an application. */
  readonly navigate?: ((location: string) => unknown) | undefined;
}

/** This page, as a path. */
export function here(): string {
  const { pathname, search, hash } = new URL(withoutError(globalThis.location.href).href);
  return pathname + search + hash;
}

/** The address without the error of an earlier sign-in, which must not be told again. */
export function withoutError(address: string): URL {
  const url = new URL(address);
  // Not `searchParams.delete`, which writes the others anew.
  const kept = url.search
    .slice(1)
    .split("&")
    .filter((pair) => pair.split("=")[0] !== ERROR_PARAMETER);
  url.search = kept.join("&");
  return url;
}

/** Leaves for `location`. Resolves when `navigate` does. Rejects for anything but a web address (CWE-601). */
export async function leave(location: string, navigate: (location: string) => unknown = assign): Promise<void> {
  if (!/^https?:\/\//i.test(location)) throw new GatepassError("network");
  await navigate(location);
}

/** Resolves if the page is shown again. */
function assign(location: string): Promise<void> {
  return new Promise((resolve) => {
    const isBack = ({ persisted }: { persisted: boolean }) => {
      if (!persisted) return;
      removeEventListener("pageshow", isBack);
      resolve();
    };
    addEventListener("pageshow", isBack);
    globalThis.location.assign(location);
    void pause(DEPARTURE_TIMEOUT).then(() => isBack({ persisted: true }));
  });
}
