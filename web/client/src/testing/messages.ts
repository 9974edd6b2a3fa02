/** What the server for tests receives, answers and keeps: the types that its endpoints share. */

/** A request as the server sees it. */
export interface Incoming {
  readonly method: string;
  readonly path: string;
  readonly headers: Headers;
  readonly body: unknown;
  readonly cookies: ReadonlyMap<string, string>;
}

/** An answer. */
export interface Outgoing {
  readonly status: number;
  readonly body?: unknown;
  readonly headers?: Record<string, string>;
  /** Null deletes. */
  readonly cookies?: Record<string, string | null>;
}

export interface Row {
  readonly sid: string;
  readonly email: string;
  generation: number;
  fingerprint: string;
  key: string | null;
  committedAt: number;
  ancestors: { fingerprint: string; key: string | null }[];
  revoked: string | null;
}

/** The account that signs in with this address. */
export function accountOf(email: string) {
  return { id: email.padEnd(32, "0"), email, created_at: 1_700_000_000 };
}

/** An answer with a problem document (RFC 9457). */
export function problem(
  status: number,
  code: string,
  facts: object = {},
  headers: Record<string, string> = {},
): Outgoing {
  const body = { type: `urn:gatepass:problem:${code}`, title: code, status, detail: `${code}.`, code, ...facts };
  return { status, body, headers: { "Content-Type": "application/problem+json", ...headers } };
}
