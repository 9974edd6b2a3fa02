/**
 * A link that stays good while it is shown: a newer one before it expires. What was given out before is not revoked, and
 * lives until it expires.
 *
 * It keeps no abandoned session alive (PROTOCOL §8): a newer link is asked for while there is an access token that other
 * requests have made, or after a sign of use (`live/use.ts`).
 */

import { isGatepassError } from "../errors.js";
import { createAgain } from "../live/again.js";
import { sessionSignal } from "../live/session-signal.js";
import { createUse, type Use } from "../live/use.js";
import { waitFor } from "../request/wait.js";
import { pause } from "../session/browser.js";
import type { Session } from "../session/types.js";
import { ask, bookOf, type Link } from "./ask.js";

/** The wait before the second attempt, ms. */
const INITIAL_BACKOFF = 500;
/** Another attempt may have another answer. */
const TEMPORARY = /^(401|408|425|429|5\d\d)$/;

export interface FollowOptions {
  /** Hears why there is no link now. After an answer that another attempt would get again (`http`, 422) none comes. */
  readonly onError?: ((error: unknown) => void) | undefined;
}

/**
 * Calls `onLink` with a link to `path`, and with a newer one before it expires; with null when the session ends. If
 * another session begins, with one of that. Returns a function that stops it and revokes nothing.
 */
export function followLink(
  session: Session,
  path: string,
  onLink: (link: string | null) => void,
  { onError }: FollowOptions = {},
): () => void {
  const stopped = new AbortController();
  const { signal } = stopped;
  void (async () => {
    let isShown = false;
    const tell = (link: string | null) => {
      if (signal.aborted || (link === null && !isShown)) return;
      isShown = link !== null;
      // In a microtask, so that an error of the application's is its own.
      queueMicrotask(() => signal.aborted || onLink(link));
    };
    await session.start();
    while (!signal.aborted) {
      const { sessionId } = session.getSnapshot();
      if (sessionId) await followOne(session, path, { signal, tell, onError });
      tell(null);
      if (session.getSnapshot().sessionId === sessionId) await nextSession(session, signal);
    }
  })();
  return () => stopped.abort();
}

interface Following extends FollowOptions {
  readonly signal: AbortSignal;
  readonly tell: (link: string) => void;
}

/** Follows it for the present session. Resolves at its end, when stopped, or if there will be no link. */
async function followOne(session: Session, path: string, { signal, tell, onError }: Following): Promise<void> {
  const left = new AbortController();
  const over = AbortSignal.any([sessionSignal(session), signal, left.signal]);
  const use = createUse(session, "used", over);
  const again = createAgain(over);
  while (!over.aborted) {
    await together();
    while (!over.aborted && !use.mayTake()) await use.next();
    if (over.aborted) break;
    try {
      await use.take();
      const link = await ask(session, path);
      if (over.aborted) break;
      tell(link.href);
      again.reset();
      await whileFresh(session, link, { use, over });
    } catch (error) {
      if (over.aborted) break;
      if (onError) queueMicrotask(() => onError(error));
      if (isGatepassError(error) && error.kind === "http" && !TEMPORARY.test(`${error.status}`)) break;
      await again.wait(INITIAL_BACKOFF, isGatepassError(error) ? error.retryAfterMs : 0);
    }
  }
  left.abort();
}

let moment: Promise<void> | null = null;

/** The links of a gallery run out at once, each by a timer of its own: together they are one request. */
function together(): Promise<void> {
  moment ??= pause(0).then(() => {
    moment = null;
  });
  return moment;
}

/** Resolves when a link should be replaced, also if the computer slept meanwhile. */
async function whileFresh(session: Session, { until }: Link, { use, over }: { use: Use; over: AbortSignal }) {
  const { clock } = bookOf(session);
  const woken = new AbortController();
  const stop = use.signs.add(() => clock.now() < until || woken.abort());
  const signal = AbortSignal.any([over, woken.signal]);
  await waitFor(Math.max(0, until - clock.now()), signal).catch(() => null);
  stop();
}

/** Resolves when another session has begun, or when stopped. */
async function nextSession(session: Session, signal: AbortSignal): Promise<void> {
  const { sessionId } = session.getSnapshot();
  const done = new AbortController();
  const stop = session.subscribe(() => session.getSnapshot().sessionId === sessionId || done.abort());
  await waitFor(Infinity, AbortSignal.any([signal, done.signal])).catch(() => null);
  stop();
}
