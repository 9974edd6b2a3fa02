/**
 * A WebSocket class with the session's token, for libraries that take one and open it again by themselves.
 *
 *     const WebSocket = createWebSocket({ session });
 *     createWSClient({ url: "/trpc", WebSocket });               // tRPC; graphql-ws: webSocketImpl, Phoenix: transport
 *
 * What the library does for ever, the class holds up: it waits for a token where nobody uses the page, and after the end
 * of the session it closes each new socket by itself, without a request.
 */

import type { Session } from "../session/types.js";
import { addressOf, openConnection, type SocketClose } from "./connection.js";
import { sessionSignal } from "./session-signal.js";
import { createUse, type Held, type Renew, type Use } from "./use.js";

export interface WebSocketSetup {
  readonly session: Session;
  /** The one origin that gets the token. Default: that of the session's `baseURL`. */
  readonly origin?: string | undefined;
  /** When a newer token may be made for it. Default `used`. */
  readonly renew?: Renew | undefined;
}

/** What the sockets of one session share, so that opening one again is no sign of use. */
interface Room {
  readonly over: AbortSignal;
  readonly use: Use;
  refused?: Held | undefined;
  hasEnded?: boolean;
}

/** The token ran out; and what a library is told instead, since some take 4401 for final: try again later. */
const RUN_OUT = 4401;
const TRY_AGAIN = 1013;
/** The session has ended. */
const ENDED = 4403;
const STATES = { CONNECTING: 0, OPEN: 1, CLOSING: 2, CLOSED: 3 } as const;
const EVENTS = ["open", "message", "error", "close"] as const;

/**
 * Creates a class that can stand where a library wants `WebSocket`. Its sockets are open once the guard has let them in,
 * and renew their token in band. They close with 4403 when the session has ended, and with 1013 when the token ran out.
 * What the library sends is no sign of use, as its heartbeats would keep an abandoned session alive.
 *
 * A socket throws a TypeError if its address is not of the origin that gets the token.
 */
export function createWebSocket({ session, origin, renew = "used" }: WebSocketSetup): typeof WebSocket {
  let room: Room | undefined;

  function enter(): Room {
    const over = sessionSignal(session);
    if (room?.over !== over) room = { over, use: createUse(session, renew, over) };
    return room;
  }

  class SessionSocket extends EventTarget {
    readyState: number = STATES.CONNECTING;
    readonly extensions = "";
    readonly url: string;
    readonly #left = new AbortController();
    #binaryType: BinaryType = "blob";
    #live: WebSocket | undefined;

    constructor(url: string | URL, protocols: string | string[] = []) {
      super();
      const address = addressOf(url, origin || session.origin);
      this.url = address.href;
      void this.#run(address, [protocols].flat()).then((lost) => this.#end(lost));
    }

    get protocol(): string {
      return this.#live?.protocol ?? "";
    }

    get bufferedAmount(): number {
      return this.#live?.bufferedAmount ?? 0;
    }

    get binaryType(): BinaryType {
      return this.#binaryType;
    }

    set binaryType(type: BinaryType) {
      this.#binaryType = type;
      if (this.#live) this.#live.binaryType = type;
    }

    send(data: string | Blob | BufferSource): void {
      if (this.readyState === STATES.CONNECTING) throw new DOMException("It is not open yet.", "InvalidStateError");
      this.#live?.send(data as string);
    }

    close(code?: number, reason?: string): void {
      if (this.readyState >= STATES.CLOSING) return;
      const wasOpen = this.readyState === STATES.OPEN;
      this.readyState = STATES.CLOSING;
      if (wasOpen) this.#live!.close(code, reason);
      else this.#left.abort();
    }

    async #run(url: URL, protocols: string[]): Promise<SocketClose> {
      await session.start();
      const at = enter();
      const over = AbortSignal.any([at.over, this.#left.signal]);
      while (!over.aborted && !at.hasEnded && !at.use.mayTake(at.refused)) await at.use.next();
      if (at.over.aborted || at.hasEnded) return { code: ENDED, reason: "session-ended" };
      const token = over.aborted ? null : await at.use.take(at.refused).catch(() => null);
      if (over.aborted || !token) return this.#lost(at, { code: 1006, reason: "" });
      const [lost, held] = await openConnection(token, {
        ...{ session, url, protocols, over, use: at.use, binaryType: this.#binaryType },
        onSocket: (live) => {
          this.#live = live;
        },
        onAdmitted: () => {
          if (this.readyState !== STATES.CONNECTING) return;
          this.readyState = STATES.OPEN;
          this.#tell("open");
        },
        onMessage: (data) => this.#tell("message", { data, origin: url.origin }),
      });
      at.refused = lost.code === RUN_OUT ? held : undefined;
      return this.#lost(at, lost);
    }

    /** What the library is told. */
    #lost(at: Room, lost: SocketClose): SocketClose {
      if (lost.code === ENDED) {
        at.hasEnded = true;
        // Whether it has really ended, and why, only the refresh endpoint says.
        void session.refresh();
      }
      if (at.over.aborted) return { code: ENDED, reason: "session-ended" };
      return lost.code === RUN_OUT ? { ...lost, code: TRY_AGAIN } : lost;
    }

    #end({ code, reason }: SocketClose): void {
      this.readyState = STATES.CLOSED;
      if (code === 1006) this.#tell("error");
      this.#tell("close", { code, reason, wasClean: code !== 1006 });
    }

    #tell(type: (typeof EVENTS)[number], facts: object = {}): void {
      this.dispatchEvent(Object.assign(new Event(type), facts));
    }
  }

  Object.assign(SessionSocket, STATES);
  Object.assign(SessionSocket.prototype, STATES);
  for (const type of EVENTS) Object.defineProperty(SessionSocket.prototype, `on${type}`, handlerOf(type));
  return SessionSocket as unknown as typeof WebSocket;
}

/** The property `onopen` and its kin, of each socket. */
function handlerOf(type: string): PropertyDescriptor & ThisType<EventTarget> {
  const handlers = new WeakMap<EventTarget, EventListener>();
  return {
    get() {
      return handlers.get(this) ?? null;
    },
    set(handler: EventListener | null) {
      const before = handlers.get(this);
      if (before) this.removeEventListener(type, before);
      handlers.delete(this);
      if (typeof handler !== "function") return;
      const bound = handler.bind(this);
      handlers.set(this, bound);
      this.addEventListener(type, bound);
    },
  };
}
