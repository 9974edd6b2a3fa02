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
import { type Call, CLIENT, type Grant, type Outcome, outcomeOf } from "./wire.js";

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
/** How long a sibling's access token may be on its way after its cookie has arrived. */
const COURIER = 100;
const SLOW_RETRY = 1_000;

export class Refresh {
  readonly #parts: Parts;
  /** What the last call presented. */
  #sent: State | null = null;
  /** The state that 20 turns did not get past: not tried again until it changes. */
  #stuckAt = "";
  /** Calls made by the present refresh. */
  attempts = 0;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /** Refresh the session that the tab believes in; `stamp` is that of the newest access token it had. */
  async run(stamp: number): Promise<Result> {
    const { memory, jar, lock } = this.#parts;
    let { sid } = memory;
    this.attempts = 0;
    const key = await this.#parts.key();
    for (let turn = 0; turn < MOST_TURNS; turn++) {
      // Signed out, or in as somebody else, while we waited.
      if (!sid || memory.sid !== sid) return { kind: "none", sid };
      const outcome = await lock(() => this.#turn(key, stamp));
      switch (outcome.kind) {
        case "superseded":
          this.#learn(sid, outcome.generation);
          if (textOf(this.#state) === textOf(this.#sent)) await pause(jitter(SLOW_RETRY));
          break;
        case "mismatch": {
          const state = jar.read();
          if (!state || state.sid === sid) return unavailable("The cookie belongs to another sign-in.");
          memory.believe(state);
          ({ sid } = state);
          ({ stamp } = memory);
          break;
        }
        case "no-session":
          if (!jar.isReadable) jar.forget(sid);
          return jar.read() ? unavailable("No refresh token came with the request.") : { kind: "none", sid };
        default:
          return outcome;
      }
    }
    this.#stuckAt = textOf(this.#state);
    return unavailable(SUPERSEDED);
  }

  /** Under the lock: gather, decide whether to ask, ask. */
  async #turn(key: CryptoKey | null, stamp: number): Promise<Outcome | Result> {
    const { scope, memory, notes, channel, call } = this.#parts;
    const state = this.#state;
    if (memory.pass && memory.stamp > stamp) return { kind: "shared" };
    const { sid } = memory;
    if (!state || notes.read("out") === state.sid) return { kind: "none", sid };
    if (state.sid !== sid) return { kind: "mismatch" };
    if (textOf(state) === this.#stuckAt) return unavailable(SUPERSEDED);
    const isBehind = channel.isOpen && state.generation > memory.snapshot.generation!;
    if (isBehind && (await memory.arrival(COURIER))) return { kind: "shared" };
    const isKeyless = notes.read("keyless") === state.sid;
    // What once went with a key never goes without: that would look like theft.
    if (!key && !isKeyless) return unavailable("The client key cannot be read now.");

    this.#sent = state;
    this.attempts++;
    const proof = key && !isKeyless ? { "Idempotency-Key": await idempotencyKey(scope, key, state) } : CLIENT;
    const answer = await call("/refresh", { headers: { "Gatepass-Session": state.sid, ...proof } });
    const outcome = outcomeOf(answer, state.sid);
    if (outcome.kind === "ok" && memory.sid === state.sid) this.#share(outcome.grant);
    return outcome;
  }

  /** What would be presented now. Where no cookie is in sight, what this tab remembers. */
  get #state(): State | null {
    return this.#parts.jar.read() ?? this.#parts.memory.state;
  }

  #share(grant: Grant): void {
    const { jar, channel, memory } = this.#parts;
    jar.learn(grant);
    channel.share({ ...grant, account: memory.snapshot.account });
  }

  #learn(sid: string, generation: number | null): void {
    const { jar, memory } = this.#parts;
    if (generation === null || memory.sid !== sid) return;
    jar.learn({ sid, generation });
    memory.note({ generation });
  }
}

const SUPERSEDED = "Every refresh token that was presented is superseded.";

function unavailable(cause: string): Result {
  return { kind: "transient", cause };
}

function textOf(state: State | null): string {
  return `${state?.sid}.${state?.generation}`;
}
