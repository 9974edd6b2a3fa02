/**
 * Second factors and passkeys, for the test server. An account has one once the page under test has added it.
 *
 * The one code of an authenticator app that is right is `FakeFactors.CODE`, and it counts as often as it is sent. A passkey
 * is known by the `id` of what the browser answers, and no signature is looked at. The one mailed code that is right is
 * `FakeFactors.MAIL_CODE`. Lost factors can be removed as soon as that was asked for, and the token of the mailed link is the
 * address.
 */

import { type Incoming, type Outgoing, problem, type Row } from "./messages.js";

interface FakePasskey {
  readonly id: string;
  readonly name: string;
}

/** What an account has. */
interface Held {
  hasTotp: boolean;
  codes: string[];
  passkeys: FakePasskey[];
  /** Whether the factors are said to be lost. */
  isLost: boolean;
}

/** Who may take the second step, and with what its session begins. */
interface Ticket {
  readonly email: string;
  readonly binding: string | null;
  /** The session that is stepped up; null for a sign-in. */
  readonly continues: Row | null;
  isUsed?: true;
}

const RECOVERY = { requested_at: 1_700_000_000, ready_at: 1_700_000_000, ends_at: 1_700_604_800 };

export class FakeFactors {
  static readonly CODE = "287082";
  static readonly MAIL_CODE = "7K3M-Q2VX";
  readonly #accounts = new Map<string, Held>();
  readonly #tickets = new Map<string, Ticket>();
  #count = 0;

  /** The refusal of a first step, if the account has a second factor. */
  second(email: string, binding: string | null): Outgoing | null {
    const methods = this.#methods(email);
    if (methods.length === 0) return null;
    return problem(401, "second-factor-required", this.#ticket({ email, binding, continues: null }, methods));
  }

  /** The response to a step below `/auth/login/`; `begin` begins a session. */
  step(request: Incoming, begin: (ticket: Ticket) => Outgoing): Outgoing {
    const { ticket: text, code, email: asked, response, binding_secret: binding = null } = (request.body ?? {}) as Step;
    const ticket = this.#tickets.get(text ?? "");
    if (request.path.includes("/factor-recovery")) return this.#recover(request, ticket, begin);
    if (request.path === "/auth/login/mail-code/request") {
      return { status: 200, body: this.#mailed(asked!, binding, text) };
    }
    if (request.path === "/auth/login/passkey/options") {
      const isKnown = text === undefined || ticket;
      const options = { challenge: "Y2hhbGxlbmdl", rpId: "localhost", userVerification: "required" };
      return isKnown ? { status: 200, body: options } : problem(400, "sign-in-expired");
    }
    if (text === undefined && response) {
      const email = this.#ownerOf(response.id);
      return email ? begin({ email, binding, continues: null }) : problem(401, "unknown-credential");
    }
    if (!ticket || ticket.continues?.revoked) return problem(400, "sign-in-expired");
    if (request.path === "/auth/login/mail-code") {
      if (typed(code) !== typed(FakeFactors.MAIL_CODE)) return problem(401, "invalid-mail-code");
      this.#tickets.delete(text!);
      return this.second(ticket.email, ticket.binding) ?? begin(ticket);
    }
    const held = this.#of(ticket.email);
    if (response) {
      if (this.#ownerOf(response.id) !== ticket.email) return problem(401, "passkey-refused");
    } else if (
      request.path === "/auth/login/totp"
        ? code !== FakeFactors.CODE
        : !held.codes.some((each) => typed(each) === typed(code))
    ) {
      return problem(401, "invalid-code");
    }
    held.codes = held.codes.filter((each) => typed(each) !== typed(code));
    // As the server: the code is looked at before it is known whether the ticket was used, and used up all the same.
    if (ticket.isUsed) return problem(400, "sign-in-expired");
    ticket.isUsed = true;
    held.isLost = false;
    return begin(ticket);
  }

  #recover(request: Incoming, ticket: Ticket | undefined, begin: (ticket: Ticket) => Outgoing): Outgoing {
    const { token = "" } = request.body as { token?: string };
    if (request.path === "/auth/factor-recovery/cancel") {
      if (!this.#accounts.has(token)) return problem(422, "invalid-link");
      this.#of(token).isLost = false;
      return { status: 204 };
    }
    if (!ticket || ticket.isUsed || ticket.continues) return problem(400, "sign-in-expired");
    const held = this.#of(ticket.email);
    if (request.path === "/auth/login/factor-recovery") {
      held.isLost = true;
      return { status: 202, body: RECOVERY };
    }
    if (!held.isLost || token !== ticket.email) return problem(422, "invalid-link");
    this.#accounts.delete(ticket.email);
    ticket.isUsed = true;
    return begin(ticket);
  }

  /** The response to a request about the factors of an account; undefined for any other. */
  answerOwner(request: Incoming, row: Row): Outgoing | undefined {
    const held = this.#of(row.email);
    const { code, name = "Chrome on Linux", response, binding_secret: binding = null } = (request.body ?? {}) as Step;
    const [path, id] = request.path.split(/(?<=^\/auth\/passkeys\/)/);
    const isFound = held.passkeys.some((one) => one.id === id);
    switch (`${request.method} ${path}${id === "options" ? id : ""}`) {
      case "GET /auth/factors":
        return { status: 200, body: describe(held) };
      case "POST /auth/totp":
        return { status: 200, body: { secret: "GEZDGNBVGY3TQOJQ", uri: "otpauth://totp/Test", qr: null } };
      case "POST /auth/totp/confirm":
        if (code !== FakeFactors.CODE) return problem(403, "invalid-code");
        held.hasTotp = true;
        return this.#renew(held);
      case "DELETE /auth/totp":
        held.hasTotp = false;
        return { status: 204 };
      case "DELETE /auth/factor-recovery":
        if (!held.isLost) return problem(404, "not-found");
        held.isLost = false;
        return { status: 204 };
      case "POST /auth/recovery-codes":
        return this.#renew(held);
      case "POST /auth/step-up": {
        const methods = this.#methods(row.email);
        if (methods.length === 0) return problem(403, "no-second-factor");
        return { status: 200, body: this.#ticket({ email: row.email, binding, continues: row }, methods) };
      }
      case "POST /auth/passkeys/options":
        return { status: 200, body: { challenge: "Y2hhbGxlbmdl", rp: { id: "localhost", name: "Test" } } };
      case "POST /auth/passkeys":
        held.passkeys.push({ id: response!.id, name });
        return { status: 201, body: keyOf(held.passkeys.at(-1)!) };
      case "PATCH /auth/passkeys/":
        held.passkeys = held.passkeys.map((one) => (one.id === id ? { id, name } : one));
        return isFound ? { status: 204 } : problem(404, "not-found");
      case "DELETE /auth/passkeys/":
        held.passkeys = held.passkeys.filter((one) => one.id !== id);
        return isFound ? { status: 204 } : problem(404, "not-found");
      default:
        return undefined;
    }
  }

  #of(email: string): Held {
    const held = this.#accounts.get(email) ?? { hasTotp: false, codes: [], passkeys: [], isLost: false };
    this.#accounts.set(email, held);
    return held;
  }

  #ownerOf(id: string): string | undefined {
    return [...this.#accounts].find(([, { passkeys }]) => passkeys.some((one) => one.id === id))?.[0];
  }

  #methods(email: string): string[] {
    const { hasTotp, codes, passkeys } = this.#of(email);
    const others = codes.length > 0 ? ["recovery"] : [];
    return [...(hasTotp ? ["totp"] : []), ...(passkeys.length ? ["passkey"] : []), ...others];
  }

  #ticket(ticket: Ticket, methods: readonly string[]) {
    const text = `gp_st_${++this.#count}`;
    this.#tickets.set(text, ticket);
    return { methods, ticket: text, expires_in: 300 };
  }

  /** The ticket of a code by mail; that of an earlier request once more. */
  #mailed(email: string, binding: string | null, again?: string) {
    const text = this.#tickets.has(again ?? "") ? again! : `gp_mc_${++this.#count}`;
    if (text !== again) this.#tickets.set(text, { email, binding, continues: null });
    return { ticket: text, expires_in: 600 };
  }

  #renew(held: Held): Outgoing {
    held.codes = Array.from({ length: 10 }, () => `code-${++this.#count}`);
    return { status: 200, body: { recovery_codes: held.codes } };
  }
}

/** A code as a person types it: neither case nor spaces nor hyphens count. */
const typed = (code = ""): string => code.replace(/[\s-]/g, "").toUpperCase();

interface Step {
  readonly ticket?: string;
  readonly email?: string;
  readonly code?: string;
  readonly name?: string;
  readonly response?: { readonly id: string };
  readonly binding_secret?: string;
}

function describe({ hasTotp, codes, passkeys, isLost }: Held) {
  const totp = hasTotp ? { created_at: 1_700_000_000 } : null;
  const asked = { enrol_by: null, recovery: isLost ? RECOVERY : null };
  return { passkeys: passkeys.map(keyOf), totp, recovery_codes: codes.length, policy: "optional", ...asked };
}

function keyOf({ id, name }: FakePasskey) {
  const facts = { synced: true, backed_up: true, transports: ["internal"] };
  return { id, name, created_at: 1_700_000_000, last_used_at: null, ...facts, aaguid: "0".repeat(32) };
}
