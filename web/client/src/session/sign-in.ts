/**
 * Signing in and out. Both take the same lock as a refresh, since they change which session the cookie holds.
 *
 * A sign-out takes effect here before the server is called. It is noted in storage: without a network, the session is
 * not resumed, and the server is called at a later start (offline sign-out).
 */

import { GatepassError } from "../errors.js";
import { bearer, CLIENT_HEADER, type Grant, readGrant } from "./endpoints.js";
import { faultOfCookie } from "./kept-cookie.js";
import type { Parts } from "./refresh.js";
import type { Credentials, EndReason, Entered, Session, Verification } from "./types.js";

/** The functions of `session.ts` that signing in and out needs. */
export interface SessionActions {
  hold(grant: Grant): void;
  end(sid: string, reason: EndReason): void;
  resume(): boolean;
  token: Session["token"];
}

/** Creates the functions over the parts of one session. */
export function createSignIn(parts: Parts, actions: SessionActions) {
  const { memory, jar, notes, channel, lock, call, binding } = parts;
  /** Posts `facts`. */
  const post = (path: string, body?: object, token?: string) =>
    call(path, { headers: { ...CLIENT_HEADER, ...(token && bearer(token)) }, body });

  /** Posts them with a new key, which is stored before it is sent. With a ticket: the first step's key is the one. */
  async function offer(path: string, facts: object, token?: string) {
    const offered = "ticket" in facts ? undefined : await binding.offer();
    const answer = await post(path, { ...facts, binding_secret: offered?.secret }, token);
    return { answer, offered };
  }

  /** Without the lock: no cookie of a session changes, and a provider that is slow must hold up no refresh. */
  async function depart(path: string, facts: object): Promise<string> {
    const { answer } = await offer(path, facts);
    const { location } = answer.problem ?? {};
    if (answer.status === 200 && typeof location === "string") return location;
    throw new GatepassError("http", answer);
  }

  /** Posts to an endpoint that begins a session. Returns null if the server requires verification first (202). */
  async function enter(path: string, facts: object, token?: string): Promise<Entered | null> {
    const [answer, grant] = await lock(async () => {
      const { answer, offered } = await offer(path, facts, token);
      const grant = readGrant(answer);
      if (grant) {
        if (jar.isUnseen() && (await faultOfCookie(parts, grant)) === "no-session")
          throw new GatepassError("cookies-blocked");
        if (offered !== undefined) binding.begin(grant.sid, offered);
        // A sign-out that waits for the network is obsolete: this sign-in has replaced its session at the server.
        notes("out", null);
        jar.remember(grant);
        channel.share(grant);
      }
      return [answer, grant];
    });
    if (grant) actions.hold(grant);
    else if (answer.status !== 202) throw new GatepassError("http", answer);
    // Of the codes the session keeps nothing: they are for the person's eyes, once.
    return grant && { account: memory.snapshot.account!, recoveryCodes: answer.problem!.recovery_codes as [] };
  }

  async function signOut({ everywhere = false } = {}): Promise<void> {
    if (!actions.resume()) return;
    const sid = memory.sid!;
    const token = everywhere ? await actions.token().catch(() => null) : memory.current;
    const headers = { ...CLIENT_HEADER, ...(token && bearer(token.value)) };
    notes("out", sid);
    actions.end(sid, "signed-out");
    const all = everywhere && call("/logout-all", { headers });
    await Promise.allSettled([all]);
    await confirmSignOut(headers);
    const answer = await all;
    if (answer && answer.status !== 204) throw new GatepassError("http", answer);
  }

  /** Calls the server for a sign-out that was noted. Never rejects; without a network the note stays. */
  async function confirmSignOut(headers = CLIENT_HEADER): Promise<void> {
    if (!notes("out")) return;
    const confirm = async () => {
      const sid = notes("out");
      const state = jar.read();
      if (!sid) return;
      // Another session has begun since, and must not be signed out instead.
      if (state && state.sid !== sid) return notes("out", null);
      const { status } = await call("/logout", { headers: { ...headers, "Gatepass-Session": sid } });
      if (status === 204 || status === 409) notes("out", null);
    };
    await lock(confirm).catch(() => null);
  }

  return { post, depart, enter, signOut, confirmSignOut };
}

/** What is sent of a form, which may have more members. */
export function formOf(given: Credentials | Verification): object {
  const { email, token, password, remember = true, extra } = given as Credentials & Verification;
  return { ...extra, email, token, password, remember };
}
