/** An AbortSignal that fires when the session of now ends, for whatever takes a signal. */

import { GatepassError } from "../errors.js";
import type { Session } from "../session/types.js";

interface Known {
  readonly sid: string | null;
  readonly signal: AbortSignal;
}

/** One for each session, so that asking for it at each request adds no listener. */
const signals = new WeakMap<Session, Known>();

/**
 * Fires when the present session ends, here or elsewhere, or another person signs in. Without a session it has fired: call
 * it after `session.start()`. Its reason is a GatepassError, `session-ended`.
 */
export function sessionSignal(session: Session): AbortSignal {
  const sid = session.getSnapshot().sessionId;
  const known = signals.get(session);
  // One that has fired stays fired: a session whose cookie was lost and came back has another one.
  if (known?.sid === sid && !known.signal.aborted) return known.signal;
  const over = new AbortController();
  signals.set(session, { sid, signal: over.signal });
  const look = () => {
    if (sid && session.getSnapshot().sessionId === sid) return;
    stop();
    over.abort(new GatepassError("session-ended"));
  };
  const stop = session.subscribe(look);
  look();
  return over.signal;
}
