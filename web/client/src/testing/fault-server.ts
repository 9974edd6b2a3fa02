/**
 * A test server in memory that implements the refresh table of PROTOCOL §4, with switches for faults.
 *
 * Its tokens are plain text: it need not withstand attacks, only end a session whenever a client reuses a token.
 */

import { answerOwner } from "./account-endpoints.js";
import { accountOf, type Incoming, type Outgoing, problem, type Row } from "./messages.js";

interface RefreshToken {
  readonly sid: string;
  readonly generation: number;
  readonly nonce: string;
  readonly parent: string;
}

/** The case of the table that a refresh matched. */
export type Case =
  | "advance"
  | "repeat"
  | "late"
  | "reuse"
  | "ended"
  | "recover"
  | "superseded"
  | "mismatch"
  | "no-session";

/**
 * Any account can sign in with the password "right". The token of a mailed link is the address that it verifies. A path
 * that is not an auth endpoint requires an access token and responds with the e-mail address of the account and the
 * body of the request, unless `answers` has another response.
 */
export class FaultServer {
  /** Sessions by id. */
  readonly rows = new Map<string, Row>();
  /** The refreshes so far. */
  readonly log: { case: Case; key: string | null; sid: string | null }[] = [];
  /** All requests so far. */
  readonly requests: Incoming[] = [];
  readonly #tokens = new Map<string, { sid: string; expiresAt: number }>();
  #count = 0;
  /** The lifetime of an access token, seconds. */
  accessTtl = 900;
  /** How long after a refresh its repetition still gets tokens, seconds. */
  leeway = 10;
  /** Responses for the next requests, one each, instead of the real ones; `undefined` for the real one. */
  answers: ((request: Incoming) => Outgoing | undefined)[] = [];

  constructor(readonly stateCookie = "gatepass_state_8000") {}

  /** The number of refreshes that matched this case. */
  cases(name: Case): number {
    return this.log.filter((entry) => entry.case === name).length;
  }

  /** Ends a session, as another device would. */
  revoke(sid: string, reason: string): void {
    const row = this.rows.get(sid);
    if (row) row.revoked ??= reason;
  }

  /** Refuses every access token issued so far, as if it had expired. */
  refuseTokens(): void {
    for (const token of this.#tokens.values()) token.expiresAt = 0;
  }

  /** Returns the response to a request. */
  receive(request: Incoming): Outgoing {
    this.requests.push(request);
    const special = this.answers.shift()?.(request);
    if (special) return special;
    switch (`${request.method} ${request.path}`) {
      case "POST /auth/login":
      case "POST /auth/register":
      case "POST /auth/verify":
        return this.#signIn(request);
      case "POST /auth/refresh":
        return this.#refresh(request);
      case "POST /auth/logout":
        return this.#logout(request);
      case "POST /auth/logout-all":
        return this.#bearer(request, ({ email }) => {
          for (const row of this.rows.values()) if (row.email === email) row.revoked ??= "revoked";
          return { status: 204 };
        });
      case "POST /auth/password/forgot":
      case "POST /auth/verify/resend":
        return { status: 202 };
      case "POST /auth/password/reset":
        return { status: 204 };
      default:
        return this.#bearer(request, (row) => answerOwner(request, row, this.rows));
    }
  }

  #signIn(request: Incoming): Outgoing {
    if (!request.headers.has("Gatepass-Client")) return problem(403, "cross-site");
    const { token, email = token!, password } = request.body as { token?: string; email?: string; password: string };
    if (password !== "right") return problem(401, "invalid-credentials", {}, { "WWW-Authenticate": "Bearer" });
    const old = this.#presented(request);
    if (old) this.revoke(old.sid, "replaced");
    const sid = (++this.#count).toString(16).padStart(32, "0");
    const fingerprint = `root-${sid}`;
    const row: Row = {
      sid,
      email,
      generation: -1,
      fingerprint,
      key: null,
      committedAt: this.#now(),
      ancestors: [],
      revoked: null,
    };
    this.rows.set(sid, row);
    const granted = this.#grant(row, { sid, generation: 0, nonce: "first", parent: fingerprint });
    return { ...granted, body: { ...(granted.body as object), account: accountOf(email) } };
  }

  #refresh(request: Incoming): Outgoing {
    const key = request.headers.get("Idempotency-Key");
    const presented = this.#presented(request);
    const record = (name: Case) => this.log.push({ case: name, key, sid: presented?.sid ?? null });
    if (!key && !request.headers.has("Gatepass-Client")) return problem(403, "cross-site");
    if (!presented) {
      record("no-session");
      return problem(401, "no-session");
    }
    if (key && Number(key.split(".")[0]) !== presented.generation) {
      record("superseded");
      return this.#superseded(presented);
    }
    if (request.headers.get("Gatepass-Session") !== presented.sid) {
      record("mismatch");
      return problem(409, "session-mismatch");
    }
    return this.#decide(presented, key, record);
  }

  #decide(presented: RefreshToken, key: string | null, record: (name: Case) => void): Outgoing {
    const row = this.rows.get(presented.sid);
    const fingerprint = fingerprintOf(presented);
    if (!row || row.revoked) {
      record("ended");
      return problem(401, "session-ended", { sid: presented.sid, reason: row?.revoked ?? "unknown" });
    }
    const timely = this.#now() - row.committedAt <= this.leeway;
    const successor = {
      sid: presented.sid,
      generation: presented.generation + 1,
      parent: fingerprint,
      nonce: key ?? `random-${++this.#count}`,
    };
    if (presented.generation === row.generation + 1 && presented.parent === row.fingerprint) {
      record("advance");
      row.ancestors = [{ fingerprint: row.fingerprint, key: row.key }, ...row.ancestors].slice(0, 16);
      Object.assign(row, { generation: presented.generation, fingerprint, key, committedAt: this.#now() });
      return this.#grant(row, successor);
    }
    const isCommitted = fingerprint === row.fingerprint && (key ? key === row.key : row.key === null);
    const isAncestor = row.ancestors.some((one) => one.fingerprint === fingerprint && key !== null && one.key === key);
    if (isCommitted || isAncestor) {
      record("repeat");
      return isCommitted && timely ? this.#grant(row, successor) : this.#superseded(successor, true);
    }
    const newest = row.ancestors[0];
    if (!key && timely && newest && !newest.key && [fingerprint, presented.parent].includes(newest.fingerprint)) {
      record("late");
      return problem(409, "refresh-superseded");
    }
    record("reuse");
    row.revoked = "reused";
    return problem(401, "session-ended", { sid: presented.sid, reason: "reused" });
  }

  #logout(request: Incoming): Outgoing {
    if (!request.headers.has("Gatepass-Client")) return problem(403, "cross-site");
    const presented = this.#presented(request);
    const believed = request.headers.get("Gatepass-Session");
    if (presented && believed && believed !== presented.sid) return problem(409, "session-mismatch");
    if (presented) this.revoke(presented.sid, "revoked");
    const token = this.#tokens.get(request.headers.get("Authorization")?.slice(7) ?? "");
    if (token) this.revoke(token.sid, "revoked");
    return { status: 204, cookies: { gatepass: null, [this.stateCookie]: null } };
  }

  #bearer(request: Incoming, act: (row: Row) => Outgoing): Outgoing {
    const text = request.headers.get("Authorization");
    if (!text) return problem(401, "token-required", {}, { "WWW-Authenticate": "Bearer" });
    const token = this.#tokens.get(text.slice(7));
    const row = token && this.rows.get(token.sid);
    if (!row || row.revoked || token.expiresAt <= this.#now()) {
      return problem(401, "invalid-token", {}, { "WWW-Authenticate": 'Bearer error="invalid_token"' });
    }
    return act(row);
  }

  #grant(row: Row, refreshToken: RefreshToken): Outgoing {
    const token = `token-${++this.#count}`;
    this.#tokens.set(token, { sid: row.sid, expiresAt: this.#now() + this.accessTtl });
    const body = {
      access_token: token,
      token_type: "Bearer",
      expires_in: this.accessTtl,
      session_id: row.sid,
      refresh_generation: refreshToken.generation,
    };
    return { status: 200, body, cookies: this.#cookies(refreshToken) };
  }

  #superseded(refreshToken: RefreshToken, withToken = false): Outgoing {
    const answer = problem(409, "refresh-superseded", { refresh_generation: refreshToken.generation });
    const cookies = this.#cookies(refreshToken);
    if (!withToken) delete cookies.gatepass;
    return { ...answer, cookies };
  }

  #cookies(refreshToken: RefreshToken): Record<string, string> {
    const { sid, generation } = refreshToken;
    return { gatepass: JSON.stringify(refreshToken), [this.stateCookie]: `${sid}.${generation}.4102444800` };
  }

  #presented(request: Incoming): RefreshToken | null {
    const text = request.cookies.get("gatepass");
    return text ? (JSON.parse(text) as RefreshToken) : null;
  }

  #now(): number {
    return Math.floor(Date.now() / 1_000);
  }
}

function fingerprintOf({ sid, generation, nonce, parent }: RefreshToken): string {
  // Hashed, since nested parents would grow with every generation. Unique enough for tests.
  let hash = 7;
  for (const character of `${sid}|${generation}|${nonce}|${parent}`)
    hash = (hash * 31 + character.charCodeAt(0)) % 9_007_199_254_740_881;
  return hash.toString(36);
}
