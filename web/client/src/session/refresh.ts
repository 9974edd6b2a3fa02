/**
 * One refresh: as many attempts as the table of PROTOCOL §6 requires, each under the lock of all tabs.
 *
 *     attempt (under the lock): read the state → still necessary? → one call → its outcome
 *     between attempts:         superseded → read the state again and retry;  another sign-in → continue with it
 *
 * A page on another host than the API cannot read the state. What it remembers may be of a session that was replaced, or it
 * knows of none, where the server has begun one: then the answer to a proof of nothing names the session, and changes nothing.
 *
 * The state to present is read under the lock, since another tab may have refreshed before. Then that tab has sent its
 * access token, which is used instead of refreshing again.
 *
 * `session.ts` passes its parts in here and to `sign-in.ts`, which calls back into it (`SessionActions`). Read together
 * they are one closure, split by purpose; classes would cost more bytes, since their members are not minified.
 */

import type { Binding, Prove } from "./binding-key.js";
import { jitter, pause } from "./browser.js";
import { askWhose, type EndpointCall, NOTHING, type Outcome, outcomeOf, readMark } from "./endpoints.js";
import { faultOfCookie } from "./kept-cookie.js";
import { BEGUN, type Jar, type Notes, type State } from "./state-cookie.js";
import type { Suspect } from "./suspicion.js";
import type { Channel } from "./tab-channel.js";
import type { Lock } from "./tab-lock.js";
import type { TokenState } from "./token-state.js";

/** The parts of a session, created once in `session.ts`. */
export interface Parts {
  /** The clock of the session, ms. */
  readonly now: () => number;
  readonly memory: TokenState;
  readonly jar: Jar;
  readonly notes: Notes;
  readonly channel: Channel;
  readonly lock: Lock;
  readonly call: EndpointCall;
  readonly binding: Binding;
  readonly suspect: Suspect;
}

/** The outcome of an attempt: a row of the table, `shared` (another tab's token is used) or `none` (no session). */
type Attempt = Omit<Outcome, "kind"> & { readonly kind: Outcome["kind"] | "shared" | "none" };

/** The outcome of a refresh, and of which session. */
export type RefreshResult = Attempt & { readonly sid: string | null };

/** Chosen against the generations that a restored cookie jar can be behind, plus other tabs' refreshes meanwhile. */
const MAX_ATTEMPTS = 20;
/** How long to wait for another tab's access token after its cookie has arrived, ms. */
const SIBLING_TOKEN_TIMEOUT = 100;
/** The wait before a retry if the state has not changed, ms. */
const UNCHANGED_RETRY_DELAY = 1_000;
/** A refresh token or a key that is missing this often in a row, for this long (ms), is gone for good. */
const MAX_MISSING = 3;
const MISSING_TIMEOUT = 60_000;

/**
 * Creates the function that refreshes the session of this tab. It does nothing if there is already a later access token
 * than that of `serial`. `onCall` is called before each call of the endpoint.
 */
export function createRefresh(parts: Parts): (serial: number, onCall: () => void) => Promise<RefreshResult> {
  const { now, memory, jar, notes, channel, lock, call, binding, suspect } = parts;
  let presented = "";
  /** The state after which MAX_ATTEMPTS have failed. No call is made again until it changes. */
  let gaveUpAt = "";
  const isCookieGone = createPatience(now);
  const isKeyGone = createPatience(now);

  /** The state of the refresh token to present. If the cookie cannot be read, what this tab remembers. */
  function stateToPresent(): State {
    return jar.read() ?? { sid: memory.sid!, generation: memory.snapshot.generation ?? 0, challenge: NOTHING };
  }

  /** Under the lock: read the state, decide whether a call is necessary, call. */
  async function attempt(prove: Prove, serial: number, onCall: () => void): Promise<Attempt> {
    const { sessionId, generation } = memory.snapshot;
    const isShared = () => memory.serial > serial && memory.current;
    const state = stateToPresent();
    const { sid } = state;
    if (isShared()) return { kind: "shared" };
    if (!sid || notes("out") === sid) return { kind: "none" };
    if (sessionId !== sid) return { kind: "session-mismatch" };
    if (textOf(state) === gaveUpAt) return { kind: "transient" };
    if (channel.isOpen && state.generation > generation!) {
      await nextChange(memory);
      if (isShared()) return { kind: "shared" };
    }
    const { headers, body } = await prove(state);

    onCall();
    presented = textOf(state);
    // A page that was just loaded asks for its account at once.
    const asked = memory.snapshot.account ? body : { ...(body as object), account: true };
    const request = { headers: { "Gatepass-Session": sid, ...headers }, body: asked };
    const outcome = outcomeOf(await call("/refresh", request), sid);
    const { grant } = outcome;
    if (outcome.kind !== "ok") return outcome;
    const fault = notes("news") && (await faultOfCookie(parts, grant!));
    // Where nobody knows, the same request again is safe. The new state with an old cookie would look like theft.
    if (fault) return { kind: fault };
    binding.confirm(sid);
    if (memory.sid === sid) {
      jar.remember(grant!);
      channel.share(grant!);
    }
    return outcome;
  }

  /** Under the lock: asks of which session the cookie is. */
  async function ask(onCall: () => void): Promise<Attempt> {
    if (jar.read()) return { kind: "session-mismatch" };
    onCall();
    const outcome = await askWhose(call);
    if (outcome.kind !== "no-session") return outcome;
    // The address of this page said that a session has begun.
    if (notes("news") === BEGUN) suspect("cookies-blocked");
    notes("news", null);
    return { kind: "none" };
  }

  /** Between attempts: returns whether another attempt may have another outcome. */
  async function shouldTryAgain({ kind, error }: Attempt, sid: string | null): Promise<boolean> {
    const isElsewhere = kind === "session-mismatch";
    if (!isElsewhere && kind !== "refresh-superseded") return false;
    const mark = memory.sid === sid && readMark(error?.problem);
    const named = error?.problem?.sid ?? sid;
    if (mark && named !== sid) jar.remember({ ...mark, sid: named as string });
    const state = jar.read();
    if ((mark || isElsewhere) && state && state.sid !== sid) {
      memory.reset({ sessionId: state.sid, generation: state.generation });
      return true;
    }
    // The response has set its state cookie, and this page sees none: it looks for another name, and no retry helps.
    if (isElsewhere || (mark && !state && jar.isReadable)) return false;
    if (mark && sid) {
      jar.remember({ sid, ...mark });
      memory.update({ generation: mark.generation });
      // The response has set the right state, and this one is still there: a script has planted it under another name.
      if (textOf({ sid, ...mark }) !== presented && textOf(stateToPresent()) === presented) jar.forget(sid);
    }
    if (textOf(stateToPresent()) === presented) await pause(jitter(UNCHANGED_RETRY_DELAY));
    return true;
  }

  return async (serial, onCall) => {
    for (let attempts = 0; attempts < MAX_ATTEMPTS; attempts++) {
      const { sid } = memory;
      if (!sid) {
        // Without news: signed out while waiting for the lock.
        const result: Attempt = notes("news") ? await lock(() => ask(onCall)) : { kind: "none" };
        if ((await shouldTryAgain(result, sid)) && memory.sid) continue;
        return { ...result, sid };
      }
      const prove = await binding.of(sid).catch(() => undefined);
      const isUnproven = isKeyGone(prove === undefined) || prove === null;
      if (!prove) return { kind: isUnproven ? "proof-required" : "transient", sid };
      const result = await lock(() => attempt(prove, serial, onCall));
      if (await shouldTryAgain(result, sid)) continue;
      const { kind } = result;
      const isElsewhere = kind === "session-mismatch" && !jar.isReadable;
      const isGone = isCookieGone(kind === "no-session");
      if (kind !== "no-session" && !isElsewhere) return { ...result, sid };
      // Nothing but the response tells this page that there is no session, or another one, which it cannot prove.
      if (!jar.isReadable) jar.forget(sid);
      if (!jar.read()) return { ...result, sid, kind: "none" };
      return { ...result, sid, kind: isGone ? "session-ended" : "transient" };
    }
    gaveUpAt = textOf(stateToPresent());
    return { kind: "transient", sid: memory.sid };
  };
}

/** Creates a function that is told at each refresh whether something is missing, and returns whether it is gone for good. */
function createPatience(now: () => number): (isMissing: boolean) => boolean {
  let count = 0;
  let since = 0;
  return (isMissing) => {
    if (!isMissing) count = 0;
    else if (!count++) since = now();
    return count >= MAX_MISSING && now() - since >= MISSING_TIMEOUT;
  };
}

/** Resolves at the next change, probably another tab's access token; at the latest after SIBLING_TOKEN_TIMEOUT. */
async function nextChange({ changed }: TokenState): Promise<void> {
  let stop!: () => void;
  const change = new Promise<void>((resolve) => {
    stop = changed.add(resolve);
  });
  await Promise.race([change, pause(SIBLING_TOKEN_TIMEOUT)]);
  stop();
}

function textOf({ sid, generation, challenge }: State): string {
  return `${sid}.${generation}.${challenge}`;
}
