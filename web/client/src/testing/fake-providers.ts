/**
 * Sign-in at providers of identities, for the test server: what it does when a browser leaves and comes back.
 *
 * The provider itself is the test: `FakeProfile.comeBack` says who signed in there. Every address counts as verified, on
 * both sides.
 */

import { type Incoming, type Outgoing, problem, type Row } from "./messages.js";

/** A sign-in that is under way. */
interface Errand {
  readonly provider: string;
  readonly return_to: string;
  readonly binding: string | null;
  /** The session whose account gets the identity; null for a sign-in. */
  readonly link: Row | null;
}

interface FakeIdentity {
  readonly id: string;
  readonly provider: string;
  readonly subject: string;
  /** The address of its account. */
  readonly email: string;
}

/** The host of this server, which a page of another host is told (PROTOCOL §5); `https://app.example` is the one that may be. */
const API = "localhost%3A8000";

/** The name of the cookie of an errand. */
const cookieOf = (state: string) => `gatepass_oidc_${state}`;

export class FakeProviders {
  readonly #errands = new Map<string, Errand>();
  #identities: FakeIdentity[] = [];
  readonly #withPassword = new Set<string>();
  #count = 0;

  /** An account has been signed in to with a password. */
  notePassword(email: string): void {
    this.#withPassword.add(email);
  }

  hasPassword(email: string): boolean {
    return this.#withPassword.has(email);
  }

  /** The response to a start. `row` is the session of its access token, for a link. */
  start(provider: string, request: Incoming, row: Row | null): Outgoing {
    const { return_to = "/", binding_secret = null } = request.body as { return_to?: string; binding_secret?: string };
    if (!/^(https:\/\/app\.example)?\/(?!\/)[^\\]*$/.test(return_to))
      return problem(422, "invalid-body", { errors: { return_to: "must be a path" } });
    const state = `state-${++this.#count}`;
    this.#errands.set(state, { provider, return_to, binding: binding_secret, link: row });
    const location = `https://${provider}.example/authorize?state=${state}`;
    return { status: 200, body: { location }, cookies: { [cookieOf(state)]: "1" } };
  }

  /** The response to the way back; `begin` begins a session. */
  callback(request: Incoming, begin: (email: string, binding: string | null) => Outgoing): Outgoing {
    const { state = "", error, subject = "" } = Object.fromEntries(request.query ?? []);
    const errand = this.#errands.get(state);
    const isOwn = request.cookies.has(cookieOf(state));
    if (!errand || !isOwn) return { status: 400, body: { code: "sign-in-expired" } };
    this.#errands.delete(state);
    const code = error ?? (errand.link && this.#link(errand, subject));
    const begun = code || errand.link ? null : begin(this.#accountOf(errand.provider, subject), errand.binding);
    const news = begun && errand.return_to.startsWith("http") ? `gatepass_signed_in=${API}` : "";
    const location = withQuery(errand.return_to, code ? `gatepass_error=${code}` : news);
    return { status: 303, headers: { Location: location }, cookies: { ...begun?.cookies, [cookieOf(state)]: null } };
  }

  /** The response to a request about the identities of an account. */
  answerOwner(request: Incoming, email: string): Outgoing {
    const own = this.#identities.filter((one) => one.email === email);
    const id = request.path.split("/")[3];
    if (request.method === "GET") return { status: 200, body: { identities: own.map(describe) } };
    const found = own.find((one) => one.id === id);
    if (!found) return problem(404, "not-found");
    if (own.length === 1 && !this.hasPassword(email)) return problem(409, "last-way-in");
    this.#identities = this.#identities.filter((one) => one !== found);
    return { status: 204 };
  }

  /** How many identities sign in to an account. */
  count(email: string): number {
    return this.#identities.filter((one) => one.email === email).length;
  }

  /** Where the browser ends the session of the provider; null if it has none. */
  logoutLocation(email: string): string | null {
    const [first] = this.#identities.filter((one) => one.email === email);
    return first ? `https://${first.provider}.example/logout` : null;
  }

  #link({ provider, link }: Errand, subject: string): string | null {
    if (link!.revoked) return "session-ended";
    const known = this.#find(provider, subject);
    if (known) return known.email === link!.email ? null : "identity-taken";
    this.#add(provider, subject, link!.email);
    return null;
  }

  #accountOf(provider: string, subject: string): string {
    return (this.#find(provider, subject) ?? this.#add(provider, subject, subject)).email;
  }

  #find(provider: string, subject: string): FakeIdentity | undefined {
    return this.#identities.find((one) => one.provider === provider && one.subject === subject);
  }

  #add(provider: string, subject: string, email: string): FakeIdentity {
    const added = { id: `identity-${++this.#count}`, provider, subject, email };
    this.#identities.push(added);
    return added;
  }
}

function withQuery(address: string, pair: string): string {
  const [before, fragment] = address.split("#") as [string, string?];
  const query = pair && (before.includes("?") ? "&" : "?") + pair;
  return before + query + (fragment === undefined ? "" : `#${fragment}`);
}

function describe({ id, provider, subject }: FakeIdentity) {
  const issuer = `https://${provider}.example`;
  return { id, provider, issuer, email: subject, created_at: 1_700_000_000, last_used_at: 1_700_000_000 };
}
