/**
 * A server for tests that keeps the refresh table of PROTOCOL §4 honestly, in memory, with switches for what goes wrong.
 *
 * Tokens are plain text here: nobody attacks this server, it is there to end a session whenever a client gives it reason.
 */

import { answerOwner } from "./account-endpoints.js";
import { accountOf, type Incoming, type Outgoing, problem, type Row } from "./messages.js";

interface RefreshToken {
  readonly sid: string;
  readonly generation: number;
  readonly nonce: string;
  readonly parent: string;
}

/** What became of one refresh. */
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
 * Anybody may sign in whose password is "right"; the token of a link that verifies an address is the address. Every path that is not an auth endpoint wants a bearer token and answers
 * with the caller's e-mail address and the request's own body, unless `answers` has something else.
 */
export class FaultServer {
  /** Sessions by id. */
  readonly rows = new Map<string, Row>();
  /** What became of each refresh. */
  readonly log: { case: Case; key: string | null; sid: string | null }[] = [];
  /** All that came. */
  readonly requests: Incoming[] = [];
  readonly #tokens = new Map<string, { sid: string; expiresAt: number }>();
  #count = 0;
  /** Seconds. */
  accessTtl = 900;
  /** Seconds. */
  leeway = 10;
  /** Answers instead of the real ones, first come first served: `undefined` lets one pass. */
  answers: ((request: Incoming) => Outgoing | undefined)[] = [];

  constructor(readonly stateCookie = "gatepass_state_8000") {}

  /** How many refreshes came to this. */
  cases(name: Case): number {
    return this.log.filter((entry) => entry.case === name).length;
  }

  /** End a session, as from another device. */
  revoke(sid: string, reason: string): void {
    const row = this.rows.get(sid);
    if (row) row.revoked ??= reason;
  }

  /** Refuse every access token handed out so far, as an expired one is. */
  refuseTokens(): void {
    for (const token of this.#tokens.values()) token.expiresAt = 0;
  }

  /** The answer to a request. */
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
  // Nested, it would grow with every generation; its last characters are unique enough here.
  let hash = 7;
  for (const character of `${sid}|${generation}|${nonce}|${parent}`)
    hash = (hash * 31 + character.charCodeAt(0)) % 9_007_199_254_740_881;
  return hash.toString(36);
}
