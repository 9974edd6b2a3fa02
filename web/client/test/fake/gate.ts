/** A gate and an API as a rendering server asks them, and requests to that server. */

import { createPageReader, type PageReaderOptions } from "../../src/server.js";
import { contract } from "../contract.js";

export interface Tokens {
  issuer: string;
  audience: string;
  now: number;
  jwks: { keys: object[] };
  principal: object;
  tokens: { name: string; token: string; outcome: "accepted" | "refused" | "other-party" }[];
}

export const { now, jwks, principal, tokens } = contract<Tokens>("page_tokens");
export const BASE = "https://example.com/auth";
export const PAGE = "__Host-Http-gatepass_page";
export const STATE = "__Host-gatepass_state=00112233445566778899aabbccddeeff.7.q83vEjRWeJo.1796050981";
export const [GOOD, ES256] = tokens.map(({ token }) => token) as [string, string];

/** A gate and an API, as far as a rendering server asks them. */
export class Gate {
  /** Paths with the bearer token that came along. */
  readonly asked: string[] = [];
  keys: object[] = jwks.keys;
  /** The next answers, in place of the usual ones. */
  readonly instead: (Response | Error)[] = [];

  readonly fetch = async (url: string | URL | Request, init?: RequestInit): Promise<Response> => {
    const { pathname } = new URL(String(url));
    this.asked.push(`${pathname} ${new Headers(init?.headers).get("authorization") ?? ""}`.trim());
    const instead = this.instead.shift();
    if (instead instanceof Error) throw instead;
    return instead ?? Response.json({ keys: this.keys });
  };

  reader(options: Partial<PageReaderOptions> = {}) {
    return createPageReader({ baseURL: BASE, fetch: this.fetch, now: () => now, ...options });
  }
}

export function request(cookie: string, { method = "GET", ...more }: Record<string, string> = {}): Request {
  const url = "https://example.com/notes?page=2";
  // The Fetch standard lets no page set these; a server's runtime does.
  return { method, url, headers: new Headers({ cookie, ...more }) } as Request;
}
