/**
 * Server-sent events over fetch, with the session's token, from where they stopped (PROTOCOL §10).
 *
 * EventSource sends no header, and opens again with the address and the token of the first time. Here each attempt has
 * the newest token and the last id. A stream ends with its token; that is no failure.
 */

import { GatepassError, isGatepassError } from "../errors.js";
import { deliver, withToken } from "../request/deliver.js";
import { refusalIn } from "../request/refusal.js";
import { detachable } from "../session/detachable.js";
import { factsOf } from "../session/endpoints.js";
import type { Session } from "../session/types.js";
import { createAgain } from "./again.js";
import { type Place, readEvents, type ServerEvent } from "./event-stream.js";
import { sessionSignal } from "./session-signal.js";
import { createUse, type Renew } from "./use.js";

export type { ServerEvent } from "./event-stream.js";

export interface EventsSetup {
  readonly session: Session;
  readonly url: string | URL;
  /** Ends the loop. */
  readonly signal?: AbortSignal | undefined;
  /** Where an earlier page stopped. */
  readonly lastEventId?: string | undefined;
  /** When a newer token may be made for it. Default `used`. */
  readonly renew?: Renew | undefined;
  /** Of `createFetch`, if it needs options. */
  readonly fetch?: typeof fetch | undefined;
}

/** The wait before a stream is opened again, unless it says another (`retry:`), ms. */
const RETRY = 3_000;
/** Statuses after which another attempt may have another answer. */
const TEMPORARY = /^(408|425|429|5\d\d)$/;

/**
 * The events of a stream, one after another, as long as the session lasts.
 *
 * The loop ends with the session, with the signal, or by a 204. Rejects with a GatepassError, `http`, for an answer that
 * another attempt would get again: a 403, a 404, a second 401, another media type; and with the code `event-too-long` for an
 * event, or a line, of more than a million characters. Leaving the loop closes the stream.
 */
export async function* openEvents(setup: EventsSetup): AsyncGenerator<ServerEvent> {
  const { session, signal, lastEventId: id = "", renew = "used" } = setup;
  await detachable(() => session.start(), signal).catch(() => null);
  const left = new AbortController();
  const over = AbortSignal.any([sessionSignal(session), left.signal, signal ?? left.signal]);
  const use = createUse(session, renew, over);
  const again = createAgain(over);
  const place = { id, retry: RETRY };
  const url = new URL(setup.url, globalThis.location?.href);
  const open = setup.fetch ?? ((_url, init) => connect(session, url, init!));
  let refusals = 0;
  try {
    while (!over.aborted) {
      while (!over.aborted && !use.mayTake()) await use.next();
      const attempt = new AbortController();
      // What was open before the network changed may never say that it is lost.
      globalThis.addEventListener?.("online", () => attempt.abort(), { signal: attempt.signal });
      let least = 0;
      try {
        await use.take();
        const response = await open(url, optionsOf(place, AbortSignal.any([over, attempt.signal])));
        if (response.status === 204) return;
        await check(response);
        again.reset();
        refusals = 0;
        yield* readEvents(response.body!, place);
      } catch (error) {
        if (over.aborted) return;
        // Else the network, or no token: one can be had later, or the session has ended and with it the loop.
        if (isGatepassError(error) && error.kind === "http") {
          // For a token that is young no call refreshes. Here it may be that the session has just ended.
          if (error.status === 401 && !refusals++) await session.refresh();
          else if (!TEMPORARY.test(`${error.status}`)) throw error;
          least = error.retryAfterMs ?? 0;
        }
      } finally {
        attempt.abort();
      }
      await again.wait(2 * place.retry, Math.max(least, place.retry));
    }
  } finally {
    left.abort();
  }
}

/** With the token, again where it is refused: `createFetch` without all that is about bodies, which is most of it. */
function connect(session: Session, url: URL, init: RequestInit): Promise<Response> {
  const headers = new Headers(init.headers);
  const call = { method: "GET", url, headers, signal: init.signal!, isReplayable: true, options: {} };
  return deliver({ session }, call, (attempt, trace) =>
    withToken(session, attempt, url.origin === session.origin, trace, async (token) => {
      if (token) headers.set("Authorization", `Bearer ${token}`);
      const response = await fetch(url, { ...init, headers });
      return [response, response.status, await refusalIn(response)];
    }),
  );
}

function optionsOf({ id }: Place, signal: AbortSignal): RequestInit {
  // A header has bytes: those of UTF-8.
  const last = id && { "Last-Event-ID": String.fromCharCode(...new TextEncoder().encode(id)) };
  return { headers: { Accept: "text/event-stream", ...(last || {}) }, cache: "no-store", signal };
}

async function check(response: Response): Promise<void> {
  const isStream = /^text\/event-stream\b/i.test(response.headers.get("Content-Type") ?? "");
  if (!response.ok || !isStream) throw new GatepassError("http", factsOf(response, await response.text()));
}
