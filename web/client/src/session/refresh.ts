/**
 * One refresh: as many turns at the lock as the table of PROTOCOL §6 asks for.
 *
 *     turn (under the lock): read the state → is there still anything to do? → one call → what it means
 *     between turns:         superseded → read again and retry;  another sign-in → go over to it
 *
 * What is presented is read at the last moment, under the lock: in between a sibling may have refreshed. Then its
 * access token is on its way to us and is taken instead of rotating again.
 */

import { type BrowserScope, jitter, pause } from "./browser.js";
import { idempotencyKey } from "./client-key.js";
import { CLIENT_HEADER, type EndpointCall, type Outcome, outcomeOf, readGeneration } from "./endpoints.js";
import type { Jar, Notes, State } from "./state-cookie.js";
import type { Channel } from "./tab-channel.js";
import type { Lock } from "./tab-lock.js";
import type { TokenState } from "./token-state.js";

/** The parts of a session, wired up once. */
export interface Parts {
  readonly scope: BrowserScope;
  readonly memory: TokenState;
  readonly jar: Jar;
  readonly notes: Notes;
  readonly channel: Channel;
  readonly lock: Lock;
  readonly call: EndpointCall;
  /** The client key, or null where storage is refused. */
  readonly key: () => Promise<CryptoKey | null>;
}

/** What a turn came to: a row of the table, `shared` (a sibling's token will do) or `none` (nothing to refresh). */
type Attempt = Omit<Outcome, "kind"> & { readonly kind: Outcome["kind"] | "shared" | "none" };

/** What a refresh came to in the end, and for which session. All but five kinds mean: not now. */
export type RefreshResult = Attempt & { readonly sid: string | null };

/** Against what: the generations that a rolled-back jar can be behind, plus siblings' refreshes in between. */
const MAX_ATTEMPTS = 20;
/** How long a sibling's access token may be on its way after its cookie has arrived, ms. */
const SIBLING_TOKEN_TIMEOUT = 100;
const UNCHANGED_RETRY_DELAY = 1_000;

/**
 * Refreshes the session that the tab believes in. A newer access token than that of `serial` makes it unnecessary;
 * `onCall` is called before each call of the endpoint.
 */
export function createRefresh(parts: Parts): (serial: number, onCall: () => void) => Promise<RefreshResult> {
  const { scope, memory, jar, notes, channel, lock, call, key } = parts;
  let presented = "";
  /** The state that 20 turns did not get past: not tried again until it changes. */
  let gaveUpAt = "";

  /** What would be presented now. Where no cookie is in sight, what this tab remembers. */
  function stateToPresent(): State {
    return jar.read() ?? { sid: memory.sid!, generation: memory.snapshot.generation! };
  }

  /** Under the lock: gather, decide whether to ask, ask. */
  async function attempt(clientKey: CryptoKey | null, serial: number, onCall: () => void): Promise<Attempt> {
    const { sessionId, generation, account } = memory.snapshot;
    const isShared = () => memory.serial > serial && memory.current;
    const state = stateToPresent();
    const { sid } = state;
    if (isShared()) return { kind: "shared" };
    if (notes("out") === sid) return { kind: "none" };
    if (sessionId !== sid) return { kind: "session-mismatch" };
    if (textOf(state) === gaveUpAt) return { kind: "transient" };
    if (channel.isOpen && state.generation > generation!) {
      await nextChange(memory);
      if (isShared()) return { kind: "shared" };
    }
    const isKeyless = notes("keyless") === sid;
    // What once went with a key never goes without: that would look like theft.
    if (!isKeyless && !clientKey) return { kind: "transient" };
    const proof = isKeyless ? CLIENT_HEADER : { "Idempotency-Key": await idempotencyKey(scope, clientKey!, state) };

    onCall();
    presented = textOf(state);
    const outcome = outcomeOf(await call("/refresh", { headers: { "Gatepass-Session": sid, ...proof } }), sid);
    if (outcome.kind === "ok" && memory.sid === sid) {
      jar.remember(outcome.grant!);
      channel.share({ ...outcome.grant!, account });
    }
    return outcome;
  }

  /** Between turns: whether the next one may find something else. */
  async function shouldTryAgain({ kind, error }: Attempt, sid: string): Promise<boolean> {
    const state = jar.read();
    if (kind === "session-mismatch" && state && state.sid !== sid) {
      memory.reset({ sessionId: state.sid, generation: state.generation });
      return true;
    }
    if (kind !== "refresh-superseded") return false;
    const generation = readGeneration(error?.problem);
    if (generation !== null && memory.sid === sid) {
      jar.remember({ sid, generation });
      memory.update({ generation });
    }
    if (textOf(stateToPresent()) === presented) await pause(jitter(UNCHANGED_RETRY_DELAY));
    return true;
  }

  return async (serial, onCall) => {
    const clientKey = await key();
    for (let attempts = 0; attempts < MAX_ATTEMPTS; attempts++) {
      const { sid } = memory;
      // Signed out while we waited.
      if (!sid) return { kind: "none", sid };
      const result = await lock(() => attempt(clientKey, serial, onCall));
      if (await shouldTryAgain(result, sid)) continue;
      if (result.kind !== "no-session") return { ...result, sid };
      if (!jar.isReadable) jar.forget(sid);
      return { ...result, sid, kind: jar.read() ? "transient" : "none" };
    }
    gaveUpAt = textOf(stateToPresent());
    return { kind: "transient", sid: memory.sid };
  };
}

/** Until something is heard, probably a sibling's access token; bounded. */
async function nextChange({ changed }: TokenState): Promise<void> {
  let stop!: () => void;
  const heard = new Promise<void>((resolve) => {
    stop = changed.add(resolve);
  });
  await Promise.race([heard, pause(SIBLING_TOKEN_TIMEOUT)]);
  stop();
}

function textOf({ sid, generation }: State): string {
  return `${sid}.${generation}`;
}
