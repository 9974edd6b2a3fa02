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

import type { Scope } from "./scope.js";

/** Which refresh token lies in the cookie jar. */
export interface State {
  readonly sid: string;
  readonly generation: number;
}

const FORM = /^([0-9a-f]{32})\.(0|[1-9]\d{0,9})\.(0|[1-9]\d{0,11})$/;

/** The value of a state cookie; null for anything that is not exactly one. */
export function parseState(text: string | null | undefined): State | null {
  const [, sid, generation] = FORM.exec(text ?? "") ?? [];
  return sid ? { sid, generation: Number(generation) } : null;
}

/** The name of the state cookie of an API (PROTOCOL §6); cookies of plain http know no port, so the name does. */
export function stateCookieName(api: URL): string {
  return api.protocol === "https:" ? "__Host-gatepass_state" : `gatepass_state_${api.port || 80}`;
}

/** The value of a cookie in the text of `document.cookie`. */
export function findCookie(text: string, name: string): string | undefined {
  const crumb = text.split("; ").find((part) => part.startsWith(`${name}=`));
  return crumb?.slice(name.length + 1);
}

/** Small texts shared by the tabs of a profile. Where storage is refused they last as long as the tab. */
export class Notes {
  readonly #scope: Scope;
  readonly #prefix: string;
  readonly #refused = new Map<string, string>();

  constructor(scope: Scope, prefix: string) {
    this.#scope = scope;
    this.#prefix = prefix;
  }

  read(name: string): string | null {
    try {
      return this.#scope.localStorage?.getItem(this.#prefix + name) ?? this.#refused.get(name) ?? null;
    } catch {
      return this.#refused.get(name) ?? null;
    }
  }

  write(name: string, text: string): void {
    this.erase(name);
    try {
      this.#scope.localStorage?.setItem(this.#prefix + name, text);
    } catch {
      this.#refused.set(name, text);
    }
  }

  erase(name: string): void {
    this.#refused.delete(name);
    try {
      this.#scope.localStorage?.removeItem(this.#prefix + name);
    } catch {
      // Nothing could be written there either.
    }
  }
}

/** The cookie jar, as far as a script may look into it. */
export class Jar {
  readonly #scope: Scope;
  readonly #notes: Notes;
  readonly #name: string;
  readonly #secure: string;
  /** Whether the state cookie is in sight: cookies know hosts, not ports. */
  readonly isReadable: boolean;

  constructor(scope: Scope, notes: Notes, api: { url: URL; stateCookie: string | undefined }) {
    const { url, stateCookie } = api;
    this.#scope = scope;
    this.#notes = notes;
    this.#name = stateCookie ?? stateCookieName(url);
    this.#secure = url.protocol === "https:" ? "; Secure" : "";
    this.isReadable = !scope.location || new URL(scope.location.href).hostname === url.hostname;
  }

  /** The present state, or null if there is no session in the jar. */
  read(): State | null {
    if (!this.isReadable) return parseState(this.#notes.read("state"));
    return parseState(findCookie(this.#scope.document?.cookie ?? "", this.#name));
  }

  /** An answer has named the state: the only way to know where the cookie is out of sight. */
  learn({ sid, generation }: State): void {
    if (!this.isReadable) this.#notes.write("state", `${sid}.${generation}.0`);
  }

  /** Delete the state if it names `sid`: another sign-in's stays. */
  forget(sid: string): void {
    if (this.read()?.sid !== sid) return;
    if (!this.isReadable) this.#notes.erase("state");
    else this.#scope.document!.cookie = `${this.#name}=; Path=/; Max-Age=0; SameSite=Strict${this.#secure}`;
  }
}
