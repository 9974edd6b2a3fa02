/**
 * A clock that goes on while the computer sleeps.
 *
 * `performance.now()` stands still then (Chromium on Linux and macOS), and `Date` may be set to anything. So the larger of
 * both ages counts: where the wall clock has gone further than the other one, the computer slept, or its clock was set
 * forward, which costs one refresh too early.
 */

import type { BrowserScope } from "./browser.js";

/** A shorter sleep is noise: `Date` has whole milliseconds, and a wall clock is set by fractions of a second. ms */
const MIN_SLEEP = 1_000;

/** Times in ms. */
export interface Clock {
  /** `performance.now()`, and all that was slept since the clock was made. */
  now(): number;
  /** How much that is. */
  readonly slept: number;
}

/** Creates the clock of a tab. */
export function createClock({ performance }: Pick<BrowserScope, "performance">): Clock {
  let [steady, wall, slept] = [performance.now(), Date.now(), 0];
  return {
    now() {
      const [steadyNow, wallNow] = [performance.now(), Date.now()];
      const ahead = wallNow - wall - (steadyNow - steady);
      if (ahead > MIN_SLEEP) slept += ahead;
      [steady, wall] = [steadyNow, wallNow];
      return steadyNow + slept;
    },
    get slept() {
      return slept;
    },
  };
}
