/**
 * One request with the session's token: send, and if the token was refused, refresh and send once more.
 *
 *     start → (token) → sent → end
 *                            ↘ 401 for the token: waiting → replay → end
 *
 * Shared by the bindings; knows neither fetch nor Axios.
 */

import { GatepassError } from "./errors.js";
import type { Session } from "./types.js";

/** What a binding knows of its request. */
export interface Errand<Answer> {
  readonly method: string;
  /** Absolute. */
  readonly url: string;
  /** Whether it goes to the binding's own origin and bears no token of the caller's: others get none. */
  readonly isOwn: boolean;
  /** Whether the body can be sent a second time. */
  readonly isReplayable: boolean;
  readonly signal?: AbortSignal | null | undefined;
  send(token: string | undefined): Promise<Answer>;
  statusOf(answer: Answer): number;
  /** Of a 401: the WWW-Authenticate header and the problem's code. */
  challengeOf(answer: Answer): Promise<readonly [challenge: string | null, code: unknown]>;
}

/** Send it. The answer to the second attempt is final, whatever it is. */
export async function carry<Answer>(session: Session, errand: Errand<Answer>): Promise<Answer> {
  const step = session.trace(errand.method, errand.url);
  let status: number | undefined;
  step("start");
  try {
    const pass = errand.isOwn ? await session.token(undefined, errand.signal) : null;
    step("sent");
    let answer = await errand.send(pass?.value);
    status = errand.statusOf(answer);
    if (pass && status === 401 && isTokenRefused(...(await errand.challengeOf(answer)))) {
      step("waiting");
      const next = await session.token(pass.stamp, errand.signal);
      if (!next) return answer;
      // A used-up stream would go out as an empty body.
      if (!errand.isReplayable) throw new GatepassError("not-replayable", { status });
      step("replay");
      answer = await errand.send(next.value);
      status = errand.statusOf(answer);
    }
    return answer;
  } finally {
    step("end", status);
  }
}

/** Other 401s (a wrong password, another scheme) are the application's own affair. */
function isTokenRefused(challenge: string | null, code: unknown): boolean {
  return (
    code === "invalid-token" ||
    code === "token-required" ||
    /\bBearer\b.*\berror="?invalid_token/i.test(challenge ?? "")
  );
}
