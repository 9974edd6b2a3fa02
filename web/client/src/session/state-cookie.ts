/**
 * What a tab can read without asking: the state cookie, and a few notes that it shares with its siblings.
 *
 *     state cookie   <sid>.<generation>.<expiry>, set by the server with every refresh token (PROTOCOL §5)
 *     note `state`   the same, where page and API are on different hosts and the cookie cannot be read
 *     note `out`     the sid that the user signed out of, until the server has confirmed it
 *     note `keyless` the sid that was signed in while storage refused the client key
 *
 * No secret is among them.
 */

import type { BrowserScope } from "./browser.js";

/** Which refresh token lies in the cookie jar. */
export interface State {
  readonly sid: string;
  readonly generation: number;
}

/** The value of a state cookie; null for anything that is not exactly one. */
export function parseState(text: string | null | undefined): State | null {
  const [, sid, generation] = /^([\da-f]{32})\.(0|[1-9]\d{0,9})\.(0|[1-9]\d{0,11})$/.exec(text ?? "") ?? [];
  return sid ? { sid, generation: Number(generation) } : null;
}

/** The name of the state cookie of an API (PROTOCOL §6); cookies of plain http know no port, so the name does. */
export function stateCookieName({ protocol, port }: URL): string {
  return protocol === "https:" ? "__Host-gatepass_state" : `gatepass_state_${port || 80}`;
}

/** The value of a cookie in the text of `document.cookie`. */
export function findCookie(text: string, name: string): string | undefined {
  const pair = text.split("; ").find((part) => part.startsWith(`${name}=`));
  return pair?.slice(name.length + 1);
}

/** Small texts shared by the tabs of a profile: with a `text` it is written, with null erased, without one read. */
export type Notes = (name: string, text?: string | null) => string | null | undefined;

/** Kept in localStorage. Where that is refused they last as long as the tab. */
export function createNotes(scope: BrowserScope, prefix: string): Notes {
  const unstored: Record<string, string | null> = {};
  return (name, text) => {
    try {
      // Where storage is blocked this very look throws; where it is full, only writing does.
      const storage = scope.localStorage!;
      if (text) storage.setItem(prefix + name, text);
      else if (text === null) storage.removeItem(prefix + name);
      else return unstored[name] ?? storage.getItem(prefix + name);
      delete unstored[name];
    } catch {
      if (text !== undefined) unstored[name] = text;
      return unstored[name];
    }
  };
}

/** The cookie jar, as far as a script may look into it. */
export interface Jar {
  /** The present state, or null if there is no session in the jar. */
  read(): State | null;
  /** An answer has named the state: the only way to know where the cookie is out of sight. */
  remember(state: State): void;
  /** Delete the state if it names `sid`: another sign-in's stays. */
  forget(sid: string): void;
  /** Whether the state cookie itself is in sight: cookies know hosts, not ports. */
  readonly isReadable: boolean;
}

/** The jar of the API at `url`. */
export function openJar(scope: BrowserScope, notes: Notes, url: URL, name = stateCookieName(url)): Jar {
  const isReadable = !scope.location || new URL(scope.location.href).hostname === url.hostname;
  const read = () => parseState(isReadable ? findCookie(scope.document?.cookie ?? "", name) : notes("state"));
  return {
    isReadable,
    read,
    remember({ sid, generation }) {
      if (!isReadable) notes("state", `${sid}.${generation}.0`);
    },
    forget(sid) {
      if (read()?.sid !== sid) return;
      // A `__Host-` cookie is only touched by what is marked Secure itself; plain http knows no such mark.
      const secure = url.protocol === "https:" ? "; Secure" : "";
      if (isReadable) scope.document!.cookie = `${name}=; Path=/; Max-Age=0${secure}`;
      else notes("state", null);
    },
  };
}
