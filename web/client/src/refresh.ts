/**
 * One refresh: as many turns at the lock as the table of PROTOCOL §6 asks for.
 *
 *     turn (under the lock): read the state → is there still anything to do? → one call → what it means
 *     between turns:         superseded → read again and retry;  another sign-in → go over to it
 *
 * What is presented is read at the last moment, under the lock: in between a sibling may have refreshed. Then its
 * access token is on its way to us and is taken instead of rotating again.
 */

import type { Channel } from "./channel.js";
import { idempotencyKey } from "./key.js";
import type { Lock } from "./lock.js";
import type { Memory } from "./memory.js";
import { jitter, pause, type Scope } from "./scope.js";
import type { Jar, Notes, State } from "./state.js";
import { type Call, CLIENT, type Outcome, outcomeOf } from "./wire.js";

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

/** What a refresh came to in the end. `none`: there is no session to refresh, or not any more. */
export type Result =
  | Exclude<Outcome, { kind: "superseded" | "no-session" | "mismatch" }>
  | { readonly kind: "none"; readonly sid: string | null }
  | { readonly kind: "shared" };

/** Against what: the generations that a rolled-back jar can be behind, plus siblings' refreshes in between. */
const MOST_TURNS = 20;
/** How long a sibling's access token may be on its way after its cookie has arrived, ms. */
const COURIER = 100;
const SLOW_RETRY = 1_000;

/**
 * Refreshes the session that the tab believes in. A newer access token than that of `stamp` makes it unnecessary;
 * `calling` is told of each call of the endpoint.
 */
export function createRefresh(parts: Parts): (stamp: number, calling: () => void) => Promise<Result> {
  const { scope, memory, jar, notes, channel, lock, call, key } = parts;
  let sent = "";
  /** The state that 20 turns did not get past: not tried again until it changes. */
  let stuckAt = "";

  /** What would be presented now. Where no cookie is in sight, what this tab remembers. */
  function present(): State {
    return jar.read() ?? { sid: memory.sid!, generation: memory.snapshot.generation! };
  }

  /** Under the lock: gather, decide whether to ask, ask. */
  async function turn(loaded: CryptoKey | null, stamp: number, calling: () => void): Promise<Outcome | Result> {
    const { snapshot } = memory;
    const isShared = () => memory.stamp > stamp && memory.pass;
    const state = present();
    const { sid, generation } = state;
    if (isShared()) return { kind: "shared" };
    if (notes.read("out") === sid) return { kind: "none", sid };
    if (snapshot.sessionId !== sid) return { kind: "mismatch" };
    if (textOf(state) === stuckAt) return unavailable("superseded");
    if (channel.isOpen && generation > snapshot.generation!) {
      await arrival(memory);
      if (isShared()) return { kind: "shared" };
    }
    const isKeyless = notes.read("keyless") === sid;
    // What once went with a key never goes without: that would look like theft.
    if (!isKeyless && !loaded) return unavailable("no client key");
    const proof = isKeyless ? CLIENT : { "Idempotency-Key": await idempotencyKey(scope, loaded!, state) };

    calling();
    sent = textOf(state);
    const outcome = outcomeOf(await call("/refresh", { headers: { "Gatepass-Session": sid, ...proof } }), sid);
    if (outcome.kind === "ok" && memory.sid === sid) {
      jar.learn(outcome.grant);
      channel.share({ ...outcome.grant, account: memory.snapshot.account });
    }
    return outcome;
  }

  return async (stamp, calling) => {
    let { sid } = memory;
    const loaded = await key();
    for (let turns = 0; turns < MOST_TURNS; turns++) {
      // Signed out, or in as somebody else, while we waited.
      if (!sid || memory.sid !== sid) return { kind: "none", sid };
      const outcome = await lock(() => turn(loaded, stamp, calling));
      switch (outcome.kind) {
        case "superseded":
          if (outcome.generation !== null && memory.sid === sid) {
            jar.learn({ sid, generation: outcome.generation });
            memory.learn({ generation: outcome.generation });
          }
          if (textOf(present()) === sent) await pause(jitter(SLOW_RETRY));
          break;
        case "mismatch": {
          const state = jar.read();
          if (!state || state.sid === sid) return unavailable("session-mismatch");
          memory.clear({ sessionId: state.sid, generation: state.generation });
          ({ sid, stamp } = memory);
          break;
        }
        case "no-session":
          if (!jar.isReadable) jar.forget(sid);
          return jar.read() ? unavailable("no-session") : { kind: "none", sid };
        default:
          return outcome;
      }
    }
    stuckAt = textOf(present());
    return unavailable("superseded");
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

function unavailable(cause: string): Result {
  return { kind: "transient", cause };
}

function textOf({ sid, generation }: State): string {
  return `${sid}.${generation}`;
}
