/**
 * A test server in memory that implements the refresh table of PROTOCOL §4, with switches for faults.
 *
 * Its tokens are plain text: it need not withstand attacks, only refuse a client that cannot prove its session, and end
 * an unbound session whenever a client reuses a token.
 */

import { answerOwner } from "./account-endpoints.js";
import { FakeFactors } from "./fake-factors.js";
import { FakeProviders } from "./fake-providers.js";
import { type Case, decide } from "./fake-refresh-table.js";
import {
  base64,
  challengeOf,
  encode,
  follows,
  keyIdOf,
  markOf,
  proofOf,
  type RefreshToken,
} from "./fake-refresh-tokens.js";
import { accountOf, type Incoming, type Outgoing, problem, type Row } from "./messages.js";

/**
 * Any account can sign in with the password "right", and the code of every authenticator app is "287082"
 * (`FakeFactors.CODE`). The token of a mailed link is the address that it verifies. A path
 * that is not an auth endpoint requires an access token and responds with the e-mail address of the account and the
 * body of the request, unless `answers` has another response.
 */
export class FaultServer {
  /** Sessions by id. */
  readonly rows = new Map<string, Row>();
  /** The refreshes so far. */
  readonly log: { case: Case; proof: string | null; sid: string | null }[] = [];
  /** All requests so far. */
  readonly requests: Incoming[] = [];
  readonly #tokens = new Map<string, { sid: string; expiresAt: number; isStale?: boolean }>();
  readonly #providers = new FakeProviders();
  readonly #factors = new FakeFactors();
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

  /**
   * Refuses every access token issued so far, as if it had expired. To a 401 for a token younger than 5 s no client
   * refreshes, so let a fake clock go on before.
   */
  refuseTokens(): void {
    for (const token of this.#tokens.values()) token.expiresAt = 0;
  }

  /** Refuses every access token issued so far because the claims of its account have changed. */
  refreshClaims(): void {
    for (const token of this.#tokens.values()) token.isStale = true;
  }

  /** Returns the response to a request. */
  receive(request: Incoming): Outgoing {
    this.requests.push(request);
    const special = this.answers.shift()?.(request);
    if (special) return special;
    const [, provider, step] = /^\/auth\/oidc\/([^/]+)\/(start|callback)$/.exec(request.path) ?? [];
    if (provider) return this.#atProvider(provider, step!, request);
    switch (`${request.method} ${request.path}`) {
      case "POST /auth/login":
      case "POST /auth/register":
      case "POST /auth/verify":
        return this.#signIn(request);
      case "POST /auth/login/totp":
      case "POST /auth/login/recovery":
      case "POST /auth/login/passkey":
      case "POST /auth/login/passkey/options":
      case "POST /auth/login/factor-recovery":
      case "POST /auth/login/factor-recovery/complete":
      case "POST /auth/factor-recovery/cancel":
      case "POST /auth/login/mail-code/request":
      case "POST /auth/login/mail-code":
        return this.#step(request);
      case "POST /auth/refresh":
        return this.#refresh(request);
      case "POST /auth/logout":
        return this.#logout(request);
      case "POST /auth/logout-all":
        return this.#bearer(request, ({ email }) => {
          for (const row of this.rows.values()) if (row.email === email) row.revoked ??= "revoked";
          return { status: 204 };
        });
      case "POST /auth/password":
      case "POST /auth/email/confirm":
        return this.#bearer(request, (row) => this.#beginAnew(request, row));
      case "POST /auth/password/forgot":
      case "POST /auth/verify/resend":
        return { status: 202 };
      case "POST /auth/password/reset":
        return { status: 204 };
      default:
        return this.#bearer(request, (row) => {
          const isIdentity = /^\/auth\/identities(\/|$)/.test(request.path);
          if (isIdentity) return this.#providers.answerOwner(request, row.email);
          const answer = this.#factors.answerOwner(request, row) ?? answerOwner(request, row, this.rows);
          if (request.path !== "/auth/me") return answer;
          const { email } = row;
          const ways = { password: this.#providers.hasPassword(email), identities: this.#providers.count(email) };
          return { ...answer, body: { ...(answer.body as object), ...ways } };
        });
    }
  }

  #atProvider(provider: string, step: string, request: Incoming): Outgoing {
    if (step === "callback") {
      return this.#providers.callback(request, (email, binding) => this.#replace(request, email, binding));
    }
    if (!request.headers.has("Gatepass-Client")) return problem(403, "cross-site");
    const { link } = request.body as { link?: boolean };
    if (link) return this.#bearer(request, (row) => this.#providers.start(provider, request, row));
    return this.#providers.start(provider, request, null);
  }

  #signIn(request: Incoming): Outgoing {
    if (!request.headers.has("Gatepass-Client")) return problem(403, "cross-site");
    const { token, email = token!, password, binding_secret: binding = null } = request.body as SignIn;
    if (password !== "right") return problem(401, "invalid-credentials", {}, { "WWW-Authenticate": "Bearer" });
    this.#providers.notePassword(email);
    return this.#factors.second(email, binding) ?? this.#replace(request, email, binding);
  }

  #step(request: Incoming): Outgoing {
    if (!request.headers.has("Gatepass-Client")) return problem(403, "cross-site");
    return this.#factors.step(request, ({ email, binding, continues }) => {
      if (continues) this.revoke(continues.sid, "replaced");
      return this.#replace(request, email, binding);
    });
  }

  /** Begins a session in place of that of the cookie. */
  #replace(request: Incoming, email: string, binding: string | null): Outgoing {
    const old = this.#presented(request);
    if (old) this.revoke(old.sid, "replaced");
    return this.#begin(email, binding);
  }

  /** A proven password, or a confirmed address, ends every session of the account and begins a new one. */
  #beginAnew(request: Incoming, { email }: Row): Outgoing {
    const { current, binding_secret: binding = null } = request.body as SignIn;
    if (request.path === "/auth/password" && current !== "right") return problem(403, "invalid-credentials");
    for (const row of this.rows.values()) if (row.email === email) row.revoked ??= "replaced";
    return this.#begin(email, binding);
  }

  #begin(email: string, binding: string | null): Outgoing {
    const sid = keyIdOf(binding) + (++this.#count).toString(16).padStart(16, "0");
    const parent = binding ? null : `root-${sid}`;
    const first = { sid, generation: 0, nonce: `nonce-${sid}`, parent, binding };
    const row: Row = {
      sid,
      email,
      generation: -1,
      fingerprint: follows(first),
      binding,
      previous: null,
      committedAt: this.#now(),
      revoked: null,
    };
    this.rows.set(sid, row);
    const granted = this.#grant(row, first);
    return { ...granted, body: { ...(granted.body as object), account: accountOf(email) } };
  }

  #refresh(request: Incoming): Outgoing {
    const proof = request.headers.get("Gatepass-Proof");
    const presented = this.#presented(request);
    const record = (name: Case) => this.log.push({ case: name, proof, sid: presented?.sid ?? null });
    if (!proof && !request.headers.has("Gatepass-Client")) return problem(403, "cross-site");
    if (!presented) {
      record("no-session");
      return problem(401, "no-session");
    }
    if (proof && !proof.startsWith(`${presented.generation}.${challengeOf(presented)}.`)) {
      record("superseded");
      return this.#superseded(presented);
    }
    if (request.headers.get("Gatepass-Session") !== presented.sid) {
      record("mismatch");
      return problem(409, "session-mismatch", markOf(presented));
    }
    if (presented.binding && proof !== proofOf(presented, presented.binding)) {
      record("unproven");
      return problem(403, "proof-required", { reason: proof ? "wrong" : "missing" });
    }
    const offered = (request.body as { binding_secret?: string } | null)?.binding_secret ?? null;
    const row = this.rows.get(presented.sid);
    const server = { now: this.#now(), leeway: this.leeway, random: () => `random-${++this.#count}` };
    const decision = decide(row, presented, presented.binding ?? offered, server);
    record(decision.case);
    const answer =
      "grant" in decision
        ? this.#grant(row!, decision.grant)
        : "newest" in decision
          ? this.#superseded(decision.newest, true)
          : decision.refusal;
    const isAsked = answer.status === 200 && (request.body as { account?: boolean } | null)?.account;
    return isAsked && row ? { ...answer, body: { ...(answer.body as object), account: accountOf(row.email) } } : answer;
  }

  #logout(request: Incoming): Outgoing {
    if (!request.headers.has("Gatepass-Client")) return problem(403, "cross-site");
    const presented = this.#presented(request);
    const believed = request.headers.get("Gatepass-Session");
    if (presented && believed && believed !== presented.sid) return problem(409, "session-mismatch");
    if (presented) this.revoke(presented.sid, "revoked");
    const token = this.#tokens.get(request.headers.get("Authorization")?.slice(7) ?? "");
    if (token) this.revoke(token.sid, "revoked");
    const email = this.rows.get(presented?.sid ?? token?.sid ?? "")?.email;
    const { at_provider } = (request.body ?? {}) as { at_provider?: boolean };
    const location = at_provider && email ? this.#providers.logoutLocation(email) : null;
    const cookies = { gatepass: null, [this.stateCookie]: null };
    return location ? { status: 200, body: { location }, cookies } : { status: 204, cookies };
  }

  #bearer(request: Incoming, act: (row: Row) => Outgoing): Outgoing {
    const text = request.headers.get("Authorization");
    if (!text) return problem(401, "token-required", {}, { "WWW-Authenticate": "Bearer" });
    const token = this.#tokens.get(text.slice(7));
    const row = token && this.rows.get(token.sid);
    if (!row || row.revoked || token.expiresAt <= this.#now()) {
      return problem(401, "invalid-token", {}, { "WWW-Authenticate": 'Bearer error="invalid_token"' });
    }
    if (token.isStale) {
      const challenge = 'Bearer error="invalid_token", error_description="claims-changed"';
      return problem(401, "invalid-token", { reason: "claims-changed" }, { "WWW-Authenticate": challenge });
    }
    return act(row);
  }

  #grant(row: Row, refreshToken: RefreshToken): Outgoing {
    const claims = base64(encode(JSON.stringify({ sid: row.sid })));
    const token = `test.${claims}.token-${++this.#count}`;
    this.#tokens.set(token, { sid: row.sid, expiresAt: this.#now() + this.accessTtl });
    const body = {
      access_token: token,
      token_type: "Bearer",
      expires_in: this.accessTtl,
      session_id: row.sid,
      refresh_generation: refreshToken.generation,
      refresh_challenge: challengeOf(refreshToken),
    };
    return { status: 200, body, cookies: this.#cookies(refreshToken) };
  }

  #superseded(refreshToken: RefreshToken, withToken = false): Outgoing {
    const answer = problem(409, "refresh-superseded", markOf(refreshToken));
    const cookies = this.#cookies(refreshToken);
    if (!withToken) delete cookies.gatepass;
    return { ...answer, cookies };
  }

  #cookies(refreshToken: RefreshToken): Record<string, string> {
    const { sid, generation } = refreshToken;
    const state = `${sid}.${generation}.${challengeOf(refreshToken)}.4102444800`;
    return { gatepass: JSON.stringify(refreshToken), [this.stateCookie]: state };
  }

  #presented(request: Incoming): RefreshToken | null {
    const text = request.cookies.get("gatepass");
    return text ? (JSON.parse(text) as RefreshToken) : null;
  }

  #now(): number {
    return Math.floor(Date.now() / 1_000);
  }
}

interface SignIn {
  readonly token?: string;
  readonly email?: string;
  readonly password?: string;
  /** The present password, where it is changed. */
  readonly current?: string;
  readonly binding_secret?: string;
}
