/**
 * What a tab can read without a request: the state cookie, and notes in localStorage that all tabs share.
 *
 *     state cookie   <sid>.<generation>.<challenge>.<expiry>, set by the server with every refresh token (PROTOCOL §5)
 *     note `state`   the same, if page and API are on different hosts and the cookie cannot be read
 *     note `out`     the session that was signed out, until the server has confirmed it
 *     note `news`    the server may have begun a session whose cookie cannot be read: it must be asked whose it is, and,
 *                    after the first refresh in any tab, whether this browser has kept the newer one (`kept-cookie.ts`)
 *     note `key`     whether the present session is proven by a key (`binding-key.ts`)
 *
 * None of them is a secret.
 */

import type { BrowserScope } from "./browser.js";

/** Names the refresh token in the cookie. */
export interface State {
  readonly sid: string;
  readonly generation: number;
  /** A mark of that very token, which its proof must contain. */
  readonly challenge: string;
}

/** Parses the value of a state cookie; null for anything else. */
export function parseState(text: string | null | undefined): State | null {
  const form = /^([\da-f]{32})\.(0|[1-9]\d{0,9})\.([\w-]{11})\.(0|[1-9]\d{0,11})$/;
  const [, sid, generation, challenge] = form.exec(text ?? "") ?? [];
  return sid ? { sid, generation: Number(generation), challenge: challenge! } : null;
}

/**
 * The names that the state cookie of an API may have, the likeliest first (PROTOCOL §6). Cookies ignore ports, and the
 * state cookie of every path is at `/`: so the name contains the port and, if the server has a COOKIE_PATH, that path,
 * which is some part of the address.
 */
export function stateCookieNames({ protocol, port, pathname }: URL): string[] {
  const plain = protocol === "https:" ? `__Host-gatepass_state${port && `_${port}`}` : `gatepass_state_${port || 80}`;
  const steps = pathname.split("/").filter(Boolean);
  return [...steps.map((_, i) => `${plain}_${steps.slice(0, steps.length - i).join(".")}`), plain];
}

/** Finds a cookie's value in the text of `document.cookie`. */
export function findCookie(text: string, name: string): string | undefined {
  const pair = text.split("; ").find((part) => part.startsWith(`${name}=`));
  return pair?.slice(name.length + 1);
}

/** Texts shared by the tabs of a browser: writes `text`, removes it if null, reads it if omitted. */
export type Notes = (name: string, text?: string | null) => string | null | undefined;

/** Stored in localStorage; if that is unavailable, they last as long as the tab. */
export function createNotes(scope: BrowserScope, prefix: string): Notes {
  const unstored: Record<string, string | null> = {};
  return (name, text) => {
    try {
      // If storage is blocked, reading this property throws; if it is full, setItem does.
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

/** The note `news` where the address of the page has said that a session began; another text where that is unknown. */
export const BEGUN = "begun";

/** The state of the cookie jar, as far as a script can read it. */
export interface Jar {
  /** Returns the current state, or null if there is no session. */
  read(): State | null;
  /** Stores the state that a response has named; necessary if the cookie cannot be read. */
  remember(state: State): void;
  /** Deletes the state if it names `sid`; that of another session stays. */
  forget(sid: string): void;
  /** The names that the state cookie may have, the likeliest first. */
  readonly names: readonly string[];
  /** Whether the state cookie can be read: the page is on the same host as the API, on any port. */
  readonly isReadable: boolean;
  /** Whether this page cannot see that a session's cookie is there: it is not, or it is of another host. */
  isUnseen(): boolean;
}

/**
 * Opens the jar for the API at `url`. Where its cookie cannot be read, the address of the page may say that a session has
 * begun on the way here (PROTOCOL §5): that is noted, and the address has it no more.
 */
export function openJar(scope: BrowserScope, notes: Notes, url: URL, names = stateCookieNames(url)): Jar {
  const { location, history } = scope;
  const isReadable = !location || new URL(location.href).hostname === url.hostname;
  const mark = new RegExp(`[?&]gatepass_signed_in=${encodeURIComponent(url.host)}(?=#|$)`);
  if (!isReadable && mark.test(location.href)) {
    notes("news", BEGUN);
    // Routers keep their own state there.
    history?.replaceState(history.state, "", location.href.replace(mark, ""));
  }
  let name: string;
  function read(): State | null {
    if (!isReadable) return parseState(notes("state"));
    for (name of names) {
      const state = parseState(findCookie(scope.document?.cookie ?? "", name));
      if (state) return state;
    }
    return null;
  }
  return {
    names,
    isReadable,
    isUnseen: () => !!scope.document && !(isReadable && read()),
    read,
    remember({ sid, generation, challenge }) {
      if (isReadable) return;
      notes("state", `${sid}.${generation}.${challenge}.0`);
    },
    forget(sid) {
      if (read()?.sid !== sid) return;
      // A `__Host-` cookie can only be deleted with Secure; over http a Secure cookie is refused.
      const secure = url.protocol === "https:" ? "; Secure" : "";
      // Browsers keep a Partitioned one apart (SAME_SITE=none): the server's attributes are not known here, so both go.
      for (const mark of isReadable ? ["", "; SameSite=None; Partitioned"] : [])
        scope.document!.cookie = `${name}=; Path=/; Max-Age=0${secure}${mark}`;
      if (!isReadable) notes("state", null);
    },
  };
}
