/**
 * One WebSocket from its first message to its close: the client's half of what `PROTOCOL §10` calls in band.
 *
 *     → {"type": "gatepass", "access_token": "…"}                      first, and for each newer token
 *     ← {"type": "gatepass", "session_id": "…", "expires_in": 900}     0: send a newer one now
 *
 * The same exchange shows whether a connection is still there, after a sleep or a change of network: the guard answers.
 */

import type { Session } from "../session/types.js";
import type { Held, Use } from "./use.js";

/** Why a connection was lost or closed: code and reason of the server; 1006 if there was no close; 1000 by this page. */
export interface SocketClose {
  readonly code: number;
  readonly reason: string;
}

export interface ConnectionSetup {
  readonly session: Session;
  readonly url: URL;
  readonly protocols?: readonly string[] | undefined;
  readonly binaryType?: BinaryType | undefined;
  readonly use: Use;
  readonly over: AbortSignal;
  readonly onSocket: (socket: WebSocket) => void;
  readonly onAdmitted: () => void;
  readonly onMessage: (data: never) => void;
}

/** How long the guard may take to answer, ms. */
const ANSWER_TIMEOUT = 10_000;
/** After this silence a sign of use asks whether the connection is still there, ms. */
const MAX_SILENCE = 30_000;
/** How many tokens in a row the guard may call too old. */
const MAX_ASKED = 2;

/** The address of a WebSocket. Throws a TypeError if it is not of the origin that gets the token. */
export function addressOf(address: string | URL, own: string): URL {
  const url = new URL(address, globalThis.location?.href);
  url.protocol = url.protocol.replace("http", "ws");
  if (url.origin !== new URL(own).origin.replace("http", "ws")) throw new TypeError(`No token for ${url.origin}.`);
  return url;
}

/** Resolves when the connection is lost: why, and which token it has shown last. */
export function openConnection(held: Held, setup: ConnectionSetup): Promise<[lost: SocketClose, held: Held]> {
  const { session, url, protocols = [], binaryType, use, over, onSocket, onAdmitted, onMessage } = setup;
  const live = new WebSocket(url, protocols.length ? ["gatepass", held.value, ...protocols] : []);
  if (binaryType) live.binaryType = binaryType;
  const done = new AbortController();
  let finish!: (lost: SocketClose) => void;
  let isOpen = false;
  let asked = 0;
  let heardAt = performance.now();
  let timer: ReturnType<typeof setTimeout> | undefined;
  let isTaking = false;

  function expectAnswer(): void {
    clearTimeout(timer);
    timer = setTimeout(() => finish({ code: 1006, reason: "no answer" }), ANSWER_TIMEOUT);
  }

  function show(token: Held): void {
    held = token;
    if (live.readyState !== WebSocket.OPEN) return;
    expectAnswer();
    live.send(JSON.stringify({ type: "gatepass", access_token: token.value }));
  }

  const hasRunOut = () => held.expiresAt !== null && held.expiresAt <= performance.now();

  /**
   * Shows a newer token if there is one. Makes one if it ran out and the page is used, or if the guard asks for one
   * before: then the claims of the account have changed, which no page causes by being open.
   */
  async function renew(): Promise<void> {
    const isDue = asked <= MAX_ASKED && (hasRunOut() ? use.mayTake(held) : asked > 0);
    if (!isOpen || isTaking || !(isDue || use.isNewer(held))) return;
    isTaking = true;
    const token = await use.take(held).catch(() => null);
    isTaking = false;
    if (token && token.serial !== held.serial) show(token);
  }

  function probe(): void {
    const now = performance.now();
    if (isOpen && now - heardAt > MAX_SILENCE && !hasRunOut()) {
      heardAt = now;
      show(held);
    }
    void renew();
  }

  function admit(left: number): void {
    clearTimeout(timer);
    asked = left > 0 ? 0 : asked + 1;
    if (!isOpen) onAdmitted();
    isOpen = true;
    void renew();
  }

  return new Promise((resolve) => {
    const stops = [session.subscribe(() => void renew()), use.signs.add(probe)];
    finish = (lost) => {
      clearTimeout(timer);
      done.abort();
      for (const stop of stops) stop();
      isOpen = false;
      live.close();
      resolve([lost, held]);
    };
    const listen = { signal: done.signal };
    over.addEventListener("abort", () => finish({ code: 1000, reason: "" }), listen);
    globalThis.addEventListener?.("online", probe, listen);
    live.addEventListener("open", () => (protocols.length ? admit(1) : show(held)), listen);
    live.addEventListener("close", ({ code, reason }) => finish({ code, reason }), listen);
    live.addEventListener(
      "message",
      ({ data }) => {
        heardAt = performance.now();
        const left = leftIn(data);
        if (left === null) onMessage(data as never);
        else admit(left);
      },
      listen,
    );
    onSocket(live);
    expectAnswer();
  });
}

/** What the guard says, seconds until the token expires; null for a message of the application. */
function leftIn(data: unknown): number | null {
  if (typeof data !== "string" || !data.includes('"gatepass"')) return null;
  try {
    const said = JSON.parse(data);
    return said?.type === "gatepass" && typeof said.expires_in === "number" ? said.expires_in : null;
  } catch {
    return null;
  }
}
