/**
 * A WebSocket with the session's token: admitted, renewed in band, and opened again when it is lost (PROTOCOL §10).
 *
 *     connecting → open → (lost) connecting → …     paused: its token ran out, and the page is not in use (`use.ts`)
 *     closed: by `close()`, the end of the session, 1000, 1008, 1009, or 4403, after which the session is asked about
 */

import type { Session } from "../session/types.js";
import { createAgain } from "./again.js";
import { addressOf, openConnection, type SocketClose } from "./connection.js";
import { sessionSignal } from "./session-signal.js";
import { createUse, type Held, type Renew, type Use } from "./use.js";

export type SocketStatus = "connecting" | "open" | "paused" | "closed";

export interface SocketSetup {
  readonly session: Session;
  /** Relative to the page, or absolute; ws, wss, http or https. */
  readonly url: string;
  /** The one origin that gets the token. Default: that of the session's `baseURL`. */
  readonly origin?: string | undefined;
  /** Sub-protocols of the application. The token is then offered beside them; else it is the first message. */
  readonly protocols?: readonly string[] | undefined;
  /** When a newer token may be made for it. Default `used`. */
  readonly renew?: Renew | undefined;
  readonly binaryType?: BinaryType | undefined;
  /** Gets what the server's application sends, never what its guard says. */
  readonly onMessage: (data: never) => void;
  /**
   * After each change, and when the first attempt has failed. `open`: admitted, so send what the server must know of a new
   * connection.
   */
  readonly onStatus?: ((status: SocketStatus, lost?: SocketClose) => void) | undefined;
}

export interface LiveSocket {
  readonly status: SocketStatus;
  /** Sends if it is open, and returns whether. Nothing is queued. Counts as a request: the token is renewed for it. */
  send(data: string | Blob | BufferSource): boolean;
  /** For good. */
  close(): void;
}

/** The wait before the second attempt, ms. */
const INITIAL_BACKOFF = 500;
/** A connection that held this long was a success, ms. */
const MIN_SUCCESS = 10_000;
/** Codes of the server: the route is done; no valid token; the session has ended. */
const DONE = 1000;
const RUN_OUT = 4401;
const ENDED = 4403;
/** Another attempt would have the same end: 1008, the caller is refused; 1009, a message was too long. */
const FINAL: readonly (number | undefined)[] = [DONE, 1008, 1009, ENDED];

/** Opens it, and keeps it open. Throws a TypeError if the address is not of the origin that gets the token. */
export function openSocket(setup: SocketSetup): LiveSocket {
  const { session, onStatus, renew = "used" } = setup;
  const url = addressOf(setup.url, setup.origin || session.origin);

  const closed = new AbortController();
  let status: SocketStatus = "connecting";
  let socket: WebSocket | undefined;
  let use: Use | undefined;
  let isToldOfLoss = false;

  function become(next: SocketStatus, lost?: SocketClose): void {
    const isNews = status !== next || (lost && !isToldOfLoss);
    if (!isNews || status === "closed") return;
    status = next;
    isToldOfLoss = !!lost;
    // In a microtask, so that an error of the application's is its own.
    if (onStatus) queueMicrotask(() => onStatus(next, lost));
  }

  /** The next token to connect with. Null if none can be had now. */
  async function nextToken(over: AbortSignal, held: Held | undefined, lost?: SocketClose): Promise<Held | null> {
    while (!over.aborted && !use!.mayTake(held)) {
      become("paused", lost);
      await use!.next();
    }
    if (!over.aborted) become("connecting", lost);
    return use!.take(held).catch(() => null);
  }

  async function run(): Promise<void> {
    await session.start();
    const ended = sessionSignal(session);
    const over = AbortSignal.any([ended, closed.signal]);
    const again = createAgain(over);
    let refused: Held | undefined;
    let lost: SocketClose | undefined;
    use = createUse(session, renew, over);
    while (!over.aborted && !FINAL.includes(lost?.code)) {
      if (lost) {
        become("connecting", lost);
        await again.wait(INITIAL_BACKOFF);
      }
      const token = await nextToken(over, refused, lost);
      const since = performance.now();
      lost = { code: 1006, reason: "no token" };
      if (over.aborted || !token) continue;
      const connection = { ...setup, url, use, over, onSocket, onAdmitted: () => become("open") };
      const [reason, held] = await openConnection(token, connection);
      lost = reason;
      refused = lost.code === RUN_OUT ? held : undefined;
      if (performance.now() - since > MIN_SUCCESS) again.reset();
    }
    if (over.aborted) lost = { code: DONE, reason: ended.aborted ? "session-ended" : "" };
    become("closed", lost);
    // Whether it has really ended, and why, only the refresh endpoint says.
    if (lost?.code === ENDED) void session.refresh();
  }

  const onSocket = (live: WebSocket) => {
    socket = live;
  };
  void run().finally(() => {
    closed.abort();
    become("closed");
  });
  return {
    get status() {
      return status;
    },
    send(data) {
      use?.note();
      if (status !== "open" || socket!.readyState !== WebSocket.OPEN) return false;
      // Starts a refresh, without waiting for it, if the token expires soon.
      session.token().catch(() => {});
      socket!.send(data as string);
      return true;
    },
    close: () => closed.abort(),
  };
}
