/** The requests, responses and session rows of the test server: the types that its endpoints share. */

/** A request as the server receives it. */
export interface Incoming {
  readonly method: string;
  readonly path: string;
  readonly query?: URLSearchParams;
  readonly headers: Headers;
  readonly body: unknown;
  readonly cookies: ReadonlyMap<string, string>;
}

/** A response. */
export interface Outgoing {
  readonly status: number;
  readonly body?: unknown;
  readonly headers?: Record<string, string>;
  /** Cookies to set; null deletes one. */
  readonly cookies?: Record<string, string | null>;
}

/** A session as the server stores it. */
export interface Row {
  readonly sid: string;
  readonly email: string;
  generation: number;
  fingerprint: string;
  /** The binding key of the committed refresh token; null if it is unbound. */
  binding: string | null;
  /** The fingerprint of the unbound token that was committed before. */
  previous: string | null;
  committedAt: number;
  revoked: string | null;
}

/** The account with this e-mail address. */
export function accountOf(email: string) {
  return { id: email.padEnd(32, "0"), email, created_at: 1_700_000_000, email_verified: true };
}

/** A response with a problem document (RFC 9457). */
export function problem(
  status: number,
  code: string,
  facts: object = {},
  headers: Record<string, string> = {},
): Outgoing {
  const body = { type: `urn:gatepass:problem:${code}`, title: code, status, detail: `${code}.`, code, ...facts };
  return { status, body, headers: { "Content-Type": "application/problem+json", ...headers } };
}
