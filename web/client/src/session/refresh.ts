/**
 * One refresh: as many turns at the lock as the table of PROTOCOL §6 asks for.
 *
 *     turn (under the lock): read the state → is there still anything to do? → one call → what it means
 *     between turns:         superseded → read again and retry;  another sign-in → go over to it
 *
 * What is presented is read at the last moment, under the lock: in between a sibling may have refreshed. Then its
 * access token is on its way to us and is taken instead of rotating again.
 */

import { jitter, pause, type Scope } from "./browser.js";
import { idempotencyKey } from "./client-key.js";
import { type Call, CLIENT, type Outcome, outcomeOf, readGeneration } from "./endpoints.js";
import type { Jar, Notes, State } from "./state-cookie.js";
import type { Channel } from "./tab-channel.js";
import type { Lock } from "./tab-lock.js";
import type { Memory } from "./token-state.js";

/** The parts of a session, wired up once. */
export interface Parts {
  readonly scope: Scope;
  readonly memory: Memory;
  readonly jar: Jar;
  readonly notes: Notes;
  readonly channel: Channel;
  readonly lock: Lock;
  readonly call: Call;
  /** The client key, or null where storage is refused. */
  readonly key: () => Promise<CryptoKey | null>;
}

/** What a turn came to: a row of the table, `shared` (a sibling's token will do) or `none` (nothing to refresh). */
type Turned = Omit<Outcome, "kind"> & { readonly kind: Outcome["kind"] | "shared" | "none" };

/** What a refresh came to in the end, and for which session. All but five kinds mean: not now. */
export type Result = Turned & { readonly sid: string | null };

/** Against what: the generations that a rolled-back jar can be behind, plus siblings' refreshes in between. */
const MOST_TURNS = 20;
/** How long a sibling's access token may be on its way after its cookie has arrived, ms. */
const COURIER = 100;
const SLOW_RETRY = 1_000;

/**
 * Refreshes the session that the tab believes in. A newer access token than that of `serial` makes it unnecessary;
 * `calling` is told of each call of the endpoint.
 */
export function createRefresh(parts: Parts): (serial: number, calling: () => void) => Promise<Result> {
  const { scope, memory, jar, notes, channel, lock, call, key } = parts;
  let sent = "";
  /** The state that 20 turns did not get past: not tried again until it changes. */
  let stuckAt = "";

  /** What would be presented now. Where no cookie is in sight, what this tab remembers. */
  function present(): State {
    return jar.read() ?? { sid: memory.sid!, generation: memory.snapshot.generation! };
  }

  /** Under the lock: gather, decide whether to ask, ask. */
  async function turn(loaded: CryptoKey | null, serial: number, calling: () => void): Promise<Turned> {
    const { sessionId, generation, account } = memory.snapshot;
    const isShared = () => memory.serial > serial && memory.current;
    const state = present();
    const { sid } = state;
    if (isShared()) return { kind: "shared" };
    if (notes("out") === sid) return { kind: "none" };
    if (sessionId !== sid) return { kind: "session-mismatch" };
    if (textOf(state) === stuckAt) return { kind: "transient" };
    if (channel.isOpen && state.generation > generation!) {
      await arrival(memory);
      if (isShared()) return { kind: "shared" };
    }
    const isKeyless = notes("keyless") === sid;
    // What once went with a key never goes without: that would look like theft.
    if (!isKeyless && !loaded) return { kind: "transient" };
    const proof = isKeyless ? CLIENT : { "Idempotency-Key": await idempotencyKey(scope, loaded!, state) };

    calling();
    sent = textOf(state);
    const outcome = outcomeOf(await call("/refresh", { headers: { "Gatepass-Session": sid, ...proof } }), sid);
    if (outcome.kind === "ok" && memory.sid === sid) {
      jar.learn(outcome.grant!);
      channel.share({ ...outcome.grant!, account });
    }
    return outcome;
  }

  /** Between turns: whether the next one may find something else. */
  async function isWorthATurn({ kind, error }: Turned, sid: string): Promise<boolean> {
    const state = jar.read();
    if (kind === "session-mismatch" && state && state.sid !== sid) {
      memory.clear({ sessionId: state.sid, generation: state.generation });
      return true;
    }
    if (kind !== "refresh-superseded") return false;
    const generation = readGeneration(error?.problem);
    if (generation !== null && memory.sid === sid) {
      jar.learn({ sid, generation });
      memory.learn({ generation });
    }
    if (textOf(present()) === sent) await pause(jitter(SLOW_RETRY));
    return true;
  }

  return async (serial, calling) => {
    const loaded = await key();
    for (let turns = 0; turns < MOST_TURNS; turns++) {
      const { sid } = memory;
      // Signed out while we waited.
      if (!sid) return { kind: "none", sid };
      const turned = await lock(() => turn(loaded, serial, calling));
      if (await isWorthATurn(turned, sid)) continue;
      if (turned.kind !== "no-session") return { ...turned, sid };
      if (!jar.isReadable) jar.forget(sid);
      return { ...turned, sid, kind: jar.read() ? "transient" : "none" };
    }
    stuckAt = textOf(present());
    return { kind: "transient", sid: memory.sid };
  };
}

/** Until something is heard, probably a sibling's access token; bounded. */
async function arrival({ changed }: Memory): Promise<void> {
  let stop!: () => void;
  const heard = new Promise<void>((resolve) => {
    stop = changed.add(resolve);
  });
  await Promise.race([heard, pause(COURIER)]);
  stop();
}

function textOf({ sid, generation }: State): string {
  return `${sid}.${generation}`;
}
