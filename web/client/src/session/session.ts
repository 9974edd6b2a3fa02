/**
 * A session in one tab: signs in, supplies an access token when a request needs one, signs out.
 *
 *     request → token() → enough time left?        returned at once
 *                       → less than the margin?    returned at once, and a refresh starts
 *                       → expired, or a 401?       waits for the single refresh in progress
 *
 * No timer refreshes, so the session of an abandoned page ends (PROTOCOL §8). A refresh has three outcomes: ok; ended,
 * if the server says so of this session; transient otherwise: then everything is kept, and the next refresh starts when
 * a request needs a token or the page comes back online or into view.
 */

import { type ErrorFacts, GatepassError } from "../errors.js";
import { openBinding } from "./binding-key.js";
import { type BrowserScope, jitter, pause } from "./browser.js";
import { createClock } from "./clock.js";
import { detachable } from "./detachable.js";
import { bearer, createEndpointCall, type Grant, readAccount } from "./endpoints.js";
import { createRefresh, type RefreshResult } from "./refresh.js";
import { createSignIn, formOf } from "./sign-in.js";
import { createNotes, openJar } from "./state-cookie.js";
import { createSuspect, watched } from "./suspicion.js";
import { openChannel } from "./tab-channel.js";
import { createLock } from "./tab-lock.js";
import { createTokenState } from "./token-state.js";
import type {
  AccessToken,
  EndReason,
  RefreshEvent,
  RequestEvent,
  RequestPhase,
  Session,
  SessionOptions,
  Trigger,
} from "./types.js";

/** A 401 for an access token younger than this is not about its age, so a refresh would not help. ms */
const MIN_AGE_FOR_REFRESH = 5_000;
/** The maximum that a request waits for the next refresh; if it is further away (Retry-After), the request fails. ms */
const MAX_BACKOFF = 5_000;
const INITIAL_BACKOFF = 250;
/** How much longer than one call a tab waits for the lock: a sign-in stores its key under it (STORAGE_TIMEOUT). ms */
const LOCK_TIMEOUT_MARGIN = 5_000;

type Untimed<Event> = Omit<Event, "at" | "ms">;

/** Creates the session of this page; one per API. `scope` is for tests: the browser tab to use. */
export function createSession(options: SessionOptions = {}, scope: BrowserScope = globalThis): Session {
  const { margin = 60_000, timeout = 10_000, fetch, onEnded, stateCookie } = options;
  const url = new URL(options.baseURL || "/auth", scope.location?.href ?? "http://localhost");
  const issuer = url.origin + url.pathname.replace(/\/+$/, "");
  const name = `gatepass:${issuer}`;
  const clock = createClock(scope);
  const { now } = clock;

  const memory = createTokenState(clock);
  const notes = createNotes(scope, `${name}:`);
  const jar = openJar(scope, notes, url, stateCookie ? [stateCookie] : undefined);
  const channel = openChannel(scope, name, now, { onGrant, onEnd: forget });
  const lock = createLock(scope, name, timeout + LOCK_TIMEOUT_MARGIN);
  const suspect = createSuspect({ scope, url, jar, memory, notes });
  const call = watched(createEndpointCall(scope, issuer, { fetch, timeout, now }), suspect);
  const binding = openBinding(scope, issuer, notes);
  const parts = { now, memory, jar, notes, channel, lock, call, binding, suspect };
  const runRefresh = createRefresh(parts);
  const { post, depart, enter, signOut, confirmSignOut } = createSignIn(parts, { hold, end, resume, token });

  let accountLoad: Promise<void> | null = null;
  let inFlight: Promise<ErrorFacts | null> | null = null;
  let failures = 0;
  let retryAt = 0;
  let requests = 0;
  /** The last session that ended in this tab. If its cookie reappears, it is ignored. */
  let endedSid: string | null = null;

  async function token(stale?: number, signal?: AbortSignal | null, atAnyAge?: boolean): Promise<AccessToken | null> {
    if (stale! < memory.firstSerial) throw new GatepassError("session-ended");
    const { current, left, snapshot } = memory;
    const isRefused = stale === memory.serial;
    if (isRefused && !atAnyAge && snapshot.lifetime! - left < MIN_AGE_FOR_REFRESH) return null;
    if (current && !isRefused) {
      if (!signal?.aborted && left < Math.min(margin, snapshot.lifetime! / 3)) void refresh("ahead");
      return current;
    }
    if (!resume() && !notes("news")) return null;

    const { sid } = memory;
    const trigger = isRefused ? "401" : snapshot.expiresAt ? "expired" : "start";
    let failure = await detachable(() => refresh(trigger), signal);
    // What was in progress may have been for another user's session, or for an older token than the refused one.
    if (!failure && sid && memory.sid === sid && memory.current?.serial === stale)
      failure = await detachable(() => refresh(trigger), signal);
    if (memory.snapshot.status === "anonymous") return null;
    // The session ended or another began: a request of one account must never be sent for another.
    if (sid && memory.sid !== sid) throw new GatepassError("session-ended");
    // A separate error for each caller, since `deliver` adds the request to it.
    if (failure) throw new GatepassError("refresh-unavailable", failure);
    return memory.current;
  }

  /** Joins the refresh in progress, or starts one. Never rejects; resolves to the facts of a failure, or null. */
  function refresh(trigger: Trigger): Promise<ErrorFacts | null> {
    inFlight ??= startRefresh(trigger).finally(() => {
      inFlight = null;
    });
    return inFlight;
  }

  async function startRefresh(trigger: Trigger): Promise<ErrorFacts | null> {
    const { serial } = memory;
    const began = now();
    const backoff = retryAt - began;
    if (backoff > MAX_BACKOFF) return { retryAfterMs: backoff };
    if (backoff > 0) await pause(backoff);
    let attempts = 0;
    const report = (facts: Pick<RefreshEvent, "phase" | "outcome" | "shared">) =>
      emit({ type: "refresh", trigger, generation: memory.snapshot.generation, attempts, ...facts }, began);

    report({ phase: "start" });
    const result = await runRefresh(serial, () => attempts++).catch(
      (error: GatepassError): RefreshResult => ({ kind: "transient", sid: memory.sid, error }),
    );
    const failure = applyResult(result);
    // With a token that has time left, calls succeed, unless it was refused.
    if (failure && memory.sid && (trigger === "401" || !memory.current)) memory.update({ status: "degraded" });
    const outcome = failure ? "transient" : memory.current ? "ok" : "ended";
    report({ phase: "end", outcome, shared: result.kind === "shared" });
    return failure;
  }

  function applyResult({ kind, sid, grant, error }: RefreshResult): ErrorFacts | null {
    const isPresent = sid === memory.sid;
    if (kind === "ok") {
      if (isPresent) hold(grant!);
      // Signed out while the call was in progress: its response has set the cookie again.
      else jar.forget(grant!.sid);
    } else if (kind === "session-ended") {
      end(sid!, (error!.problem!.reason ?? "unknown") as EndReason);
    } else if (kind === "proof-required") {
      // Cookies stay, and other tabs are not told: another page of this jar may be the rightful one.
      leave(sid!, "unproven");
      // What a page of another host has noted counts for pages with the same keys alone.
      if (!jar.isReadable) jar.forget(sid!);
    } else if (kind === "none" && isPresent) {
      if (sid && notes("out") === sid) end(sid, "signed-out");
      else if (memory.snapshot.status === "unknown") memory.reset({ status: "anonymous" });
      else if (sid) leave(sid, "cookie-lost");
    } else if (kind !== "none" && kind !== "shared") {
      const backoff = jitter(Math.min(MAX_BACKOFF, INITIAL_BACKOFF * 2 ** failures++));
      const retryAfterMs = Math.max(backoff, error?.retryAfterMs ?? 0);
      retryAt = now() + retryAfterMs;
      return { cause: error, retryAfterMs };
    }
    return null;
  }

  function emit(facts: Untimed<RefreshEvent> | Untimed<RequestEvent>, began: number): void {
    const at = now();
    memory.events.emit({ ...facts, at: at - clock.slept, ms: at - began });
  }

  function hold(grant: Grant): void {
    failures = retryAt = 0;
    memory.accept(grant);
    if (jar.isReadable && jar.isUnseen()) suspect("state-cookie");
    if (!memory.snapshot.account) accountLoad = loadAccount(grant);
  }

  /** Of a token that another tab has sent, the account must be asked. Best effort: the next refresh asks again. */
  async function loadAccount({ sid, token }: Grant): Promise<void> {
    const answer = await call("/me", { method: "GET", headers: bearer(token) }).catch(() => null);
    const account = readAccount(answer?.problem) ?? memory.snapshot.account;
    const { status } = memory.snapshot;
    if (memory.sid === sid) memory.update({ account, status: status === "unknown" ? "active" : status });
  }

  /** Ends the session in this tab and the others. */
  function end(sid: string, reason: EndReason): void {
    if (forget(sid, reason)) channel.end(sid, reason);
  }

  /** Ends it in this tab only. Returns whether this tab had that session. */
  function forget(sid: string, reason: EndReason): boolean {
    jar.forget(sid);
    binding.end(sid);
    return leave(sid, reason);
  }

  /** Ends it in this tab and leaves the cookies. Returns whether this tab had that session. */
  function leave(sid: string, reason: EndReason): boolean {
    if (memory.sid !== sid) return false;
    if (reason === "unproven" || reason === "reused") {
      // The note is still of the session that this origin began itself, and that another one has replaced.
      suspect(notes("key")?.startsWith(sid) === false ? "other-origin" : "copied-session");
    }
    // A cookie that was lost may come back, as where a browser has only not yet read its jar.
    if (reason !== "cookie-lost") endedSid = sid;
    memory.reset({ status: "ended", reason });
    queueMicrotask(() => onEnded?.({ reason, sessionId: sid }));
    return true;
  }

  /** Takes up the session that the cookie names, if this tab has none. Returns whether there is a session. */
  function resume(): boolean {
    const state = memory.sid ? null : jar.read();
    if (state && isAcceptable(state.sid)) memory.reset({ sessionId: state.sid, generation: state.generation });
    else if (scope.document && memory.snapshot.status === "unknown" && !memory.sid && !notes("news")) {
      memory.reset({ status: "anonymous" });
      // A page that signs in may leave before it can say that its session is under another name, which this one sees.
      if (scope.document.cookie.includes(notes("key")?.slice(0, 32) ?? "\n")) suspect("state-cookie");
    }
    return !!memory.sid;
  }

  function isAcceptable(sid: string): boolean {
    return sid !== endedSid && sid !== notes("out");
  }

  /**
   * Accepts another tab's access token if it is a newer one of this very session. Of another session in the cookie this
   * tab gets a token itself, by its key: a script in one tab must not put another account's token into all of them.
   */
  function onGrant(grant: Grant): void {
    const { sid, generation, expiresAt } = grant;
    const known = memory.snapshot.generation!;
    if (sid !== memory.sid) {
      const state = jar.read();
      if (state?.sid !== sid || !isAcceptable(sid)) return;
      memory.reset({ sessionId: sid, generation: state.generation });
      void refresh("wake");
      return;
    }
    const isNewer = generation > known || (!memory.current && generation === known);
    if (isNewer && expiresAt > now()) {
      jar.remember(grant);
      hold(grant);
    }
  }

  function wake(): void {
    if (scope.document?.visibilityState === "hidden") return;
    void confirmSignOut();
    const { sid, snapshot } = memory;
    // While it was frozen, the page may have missed a sign-out or another sign-in, also its own at a provider (Back).
    const isElsewhere = sid !== jar.read()?.sid || failures;
    const isNews = notes("news") || (snapshot.status !== "unknown" && isElsewhere && resume());
    if (isNews) void refresh("wake");
  }

  function listen(verb: "addEventListener" | "removeEventListener"): void {
    scope[verb]?.("online", wake);
    scope[verb]?.("pageshow", wake);
    scope.document?.[verb]("visibilitychange", wake);
  }

  if (scope.document) void confirmSignOut();
  else if (scope.WorkerGlobalScope) suspect("worker");
  listen("addEventListener");

  return {
    origin: url.origin,
    getSnapshot: () => memory.snapshot,
    subscribe: memory.changed.add,
    on: (type, listener) =>
      memory.events.add((event) => {
        if (type === "*" || type === event.type) listener(event as never);
      }),
    async start() {
      if (memory.snapshot.status === "unknown") await token().catch(() => null);
      await accountLoad;
      return memory.snapshot;
    },
    signIn: async (credentials) => (await enter("/login", formOf(credentials)))!.account,
    signUp: async (credentials) => (await enter("/register", formOf(credentials)))?.account ?? null,
    verify: async (verification) => (await enter("/verify", formOf(verification)))!.account,
    depart,
    enter,
    signOut,
    token,
    post,
    async refresh() {
      // Of what this page cannot read, the server is asked.
      if (!resume() && !jar.isReadable) notes("news", "1");
      if (memory.sid || notes("news")) await refresh("manual");
      return memory.snapshot;
    },
    trace(method, address) {
      const id = ++requests;
      const began = now();
      const { pathname } = new URL(address, url);
      const step = (phase: RequestPhase, status?: number) =>
        emit({ type: "request", id, phase, method, url: pathname, status }, began);
      return Object.assign(step, { id });
    },
    close() {
      listen("removeEventListener");
      channel.close();
    },
  };
}
