/** The address bar of a page under test: what code reads of `location`, and does to `history` and the window. */

import { vi } from "vitest";

/** Replaces the globals until `vi.unstubAllGlobals()`. `left` collects the addresses for which the page was left. */
export function loadPage(address: string, state: unknown = null) {
  const events = new EventTarget();
  const left: string[] = [];
  const location = { href: new URL(address, "http://localhost:8000").href, assign: (url: string) => left.push(url) };
  const history = {
    state,
    replaceState(given: unknown, _title: string, url: string | URL) {
      history.state = given;
      location.href = String(url);
    },
  };
  vi.stubGlobal("location", location);
  vi.stubGlobal("history", history);
  vi.stubGlobal("addEventListener", events.addEventListener.bind(events));
  vi.stubGlobal("removeEventListener", events.removeEventListener.bind(events));
  return {
    left,
    location,
    history,
    /** The browser shows the page: again, if `persisted`. */
    show: (persisted: boolean) => events.dispatchEvent(Object.assign(new Event("pageshow"), { persisted })),
  };
}
