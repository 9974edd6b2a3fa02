/** The cookies of a request that a rendering server reads, by their names (PROTOCOL §6, §10). It reads no other. */

import { stateCookieNames } from "../session/state-cookie.js";

/** What the cookies of one gate say. */
export interface PageCookies {
  /** Several over plain http alone, where a name has no prefix. */
  readonly tokens: readonly string[];
  /** Whether the state cookie says that a session exists. A hint: scripts may write it. */
  readonly namesSession: boolean;
  /** Whether the resume page was tried some seconds ago. */
  readonly wasResumed: boolean;
  /** The name of a page cookie of another gate, where there is none of this one. */
  readonly foreign: string | null;
}

const PAGE = /^(__Host-Http-gatepass_page|gatepass_page_\d)/;

/** Reads the values of Cookie headers for the gate whose auth endpoints browsers reach at `url`. */
export function cookieReader(url: URL): (cookies: string | null) => PageCookies {
  const states = stateCookieNames(url);
  const pages = states.map((name) => name.replace("__Host-", "__Host-Http-").replace("_state", "_page"));
  const resumed = states.map((name) => name.replace("_state", "_resumed"));
  return (cookies) => {
    const pairs = (cookies ?? "").split(";").map(pairOf);
    // Of several gates on one host each has a name with its path: the longest that is there.
    const own = pages.find((name) => pairs.some((pair) => pair.name === name));
    return {
      tokens: pairs.filter(({ name, text }) => name === own && text).map(({ text }) => text),
      namesSession: pairs.some(({ name, text }) => states.includes(name) && text),
      wasResumed: pairs.some(({ name }) => resumed.includes(name)),
      foreign: own ? null : (pairs.find(({ name }) => PAGE.test(name))?.name ?? null),
    };
  };
}

function pairOf(crumb: string): { name: string; text: string } {
  // Not trim(): it takes more for space than browsers do, which then would not enforce the prefix of a name.
  const text = crumb.replace(/^[ \t]+|[ \t]+$/g, "");
  const equals = text.indexOf("=");
  return equals < 0 ? { name: "", text } : { name: text.slice(0, equals), text: text.slice(equals + 1) };
}
