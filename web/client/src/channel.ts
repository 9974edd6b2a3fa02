/**
 * What the tabs of a profile tell each other: a new access token, the end of a session.
 *
 * A convenience: a tab that hears nothing refreshes by itself and learns of an end from the server.
 */

import type { Scope } from "./scope.js";
import type { State } from "./state.js";
import type { EndReason } from "./types.js";
import { type Grant, readAccount } from "./wire.js";

/** What a tab hears. */
export type Heard = { readonly grant: Grant } | { readonly ended: string; readonly reason: EndReason };

/** The tabs' common channel. `isOpen` is false where the browser has none. */
export interface Channel {
  readonly isOpen: boolean;
  share(grant: Grant): void;
  end(sid: string, reason: EndReason): void;
  close(): void;
}

/** On the wire: clocks of `performance.now()` differ between tabs, so it bears what is left and the wall clock. */
interface Message extends State {
  readonly token: string;
  readonly left: number;
  readonly lifetime: number;
  readonly at: number;
  readonly account: unknown;
  readonly reason: EndReason;
}

/** Join the channel `name`. */
export function openChannel(scope: Scope, name: string, hear: (heard: Heard) => void): Channel {
  const Channel = scope.document && scope.BroadcastChannel;
  const channel = Channel && new Channel(name);
  if (channel) channel.onmessage = ({ data }) => receive(data);

  function receive(data: Partial<Message> | null): void {
    const { sid, generation, token, left, lifetime, at, reason } = data ?? {};
    if (typeof sid !== "string") return;
    if (typeof reason === "string") return hear({ ended: sid, reason });
    const numbers = [generation, left, lifetime, at];
    if (typeof token !== "string" || !numbers.every(Number.isFinite)) return;
    // A frozen tab may hear this minutes later: what has passed since is not left any more.
    const expiresAt = scope.performance.now() + left! - Math.max(0, Date.now() - at!);
    hear({ grant: { sid, generation: generation!, token, expiresAt, lifetime: lifetime!, account: readAccount(data?.account) } });
  }

  return {
    isOpen: !!channel,
    share: ({ expiresAt, ...grant }) =>
      channel?.postMessage({ ...grant, left: expiresAt - scope.performance.now(), at: Date.now() }),
    end: (sid, reason) => channel?.postMessage({ sid, reason }),
    close: () => channel?.close(),
  };
}
