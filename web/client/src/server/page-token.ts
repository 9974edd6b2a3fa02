/** The claims of a page token, judged as the guards in Python judge them (PROTOCOL §7, §10). */

import { decode } from "./base64url.js";
import { PageError } from "./errors.js";
import type { Check } from "./keys.js";

/** The person for whom a page is rendered. Times are Unix seconds. */
export interface Principal<Claims extends object = Readonly<Record<string, unknown>>> {
  readonly accountId: string;
  readonly sessionId: string;
  readonly tokenId: string;
  readonly expiresAt: number;
  readonly issuedAt: number;
  readonly authenticatedAt: number;
  /** The methods of the sign-in (RFC 8176). */
  readonly methods: readonly string[];
  readonly acr: string | null;
  readonly scopes: readonly string[];
  /** All claims, those of the application's hook included. Not checked against the type that you name. */
  readonly claims: Claims;
}

export interface Expected {
  readonly issuer: string;
  readonly audience: string;
  /** Seconds by which clocks may differ. */
  readonly leeway: number;
}

type Claims = Readonly<Record<string, unknown>>;

/** Against what: servers and browsers take header lines of 8 kB. */
const MAX_LENGTH = 8_192;
/** Seconds by which `iat` may lie in the future. It bounds nothing. */
const MAX_AHEAD = 300;

/** The payload of a token whose signature holds; null for any other. `find` gives the check of an encoded header. */
export async function authenticate(
  token: string,
  find: (header: string) => Promise<Check | null>,
): Promise<Claims | null> {
  const [header, payload, text, ...more] = token.length > MAX_LENGTH ? [] : token.split(".");
  const signature = decode(text ?? "");
  if (!header || !payload || !signature?.length || more.length) return null;
  const check = await find(header);
  const holds = await check?.(new TextEncoder().encode(`${header}.${payload}`), signature);
  return holds ? claimsOf(token) : null;
}

/** The claims in a token, checked by nothing. */
export function claimsOf(token: string): Claims | null {
  try {
    const payload = decode(token.split(".")[1] ?? "");
    const claims: unknown = payload && JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(payload));
    return claims && typeof claims === "object" && !Array.isArray(claims) ? (claims as Claims) : null;
  } catch {
    return null;
  }
}

/** The person; null if the token has run out, or is not one of a gate. Throws a PageError for one of other parties. */
export function judge(claims: Claims, { issuer, audience, leeway }: Expected, now: number): Principal | null {
  const { iss, aud, exp, iat, nbf = 0 } = claims;
  for (const [option, wanted, found] of [
    ["issuer", issuer, [iss]] as const,
    ["audience", audience, [aud].flat()] as const,
  ])
    if (!found.includes(wanted))
      throw new PageError(
        "setup",
        `The gate's ${option} is ${found.join(", ")}, and this reader's is ${wanted}: set ${option}.`,
      );
  const times = [exp, iat, nbf, claims.auth_time];
  if (!times.every(isTime) || now >= (exp as number) + leeway || (iat as number) > now + MAX_AHEAD) return null;
  if ((nbf as number) > now + leeway) return null;
  return principalOf(claims);
}

/** The person of claims that are genuine; null if some are missing. */
export function principalOf(claims: Claims): Principal | null {
  const { sub, sid, jti, amr, acr, scope } = claims;
  const texts = [sub, sid, jti, claims.client_id];
  if (!texts.every((text) => typeof text === "string" && text)) return null;
  return Object.freeze({
    accountId: sub as string,
    sessionId: sid as string,
    tokenId: jti as string,
    expiresAt: Math.trunc(claims.exp as number),
    issuedAt: Math.trunc(claims.iat as number),
    authenticatedAt: Math.trunc(claims.auth_time as number),
    methods: Array.isArray(amr) ? amr.map(String) : [],
    acr: typeof acr === "string" ? acr : null,
    scopes: typeof scope === "string" ? scope.split(" ").filter(Boolean) : [],
    claims,
  });
}

function isTime(value: unknown): boolean {
  return typeof value === "number" && value >= 0 && value <= Number.MAX_SAFE_INTEGER;
}
