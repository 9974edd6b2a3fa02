/**
 * What the tabs of a profile tell each other: a new access token, the end of a session.
 *
 * A convenience: a tab that hears nothing refreshes by itself and learns of an end from the server.
 */

import type { BrowserScope } from "./browser.js";
import type { Grant } from "./endpoints.js";
import type { EndReason } from "./types.js";

/** The tabs' common channel. */
export interface Channel {
  /** False where the browser has none. */
  readonly isOpen: boolean;
  share(grant: Grant): void;
  end(sid: string, reason: EndReason): void;
  close(): void;
}

/** What is done with what others say. */
export interface ChannelListener {
  onGrant(grant: Grant): void;
  onEnd(sid: string, reason: EndReason): void;
}

/** Clocks of `performance.now()` differ between tabs, so a message bears what is left, and the wall clock. */
type Message = Grant & { readonly left: number; readonly at: number; readonly reason?: EndReason };

/** Join the channel `name`. */
export function openChannel(scope: BrowserScope, name: string, listener: ChannelListener): Channel {
  const { performance } = scope;
  const channel = scope.document && scope.BroadcastChannel && new scope.BroadcastChannel(name);
  if (channel) channel.onmessage = ({ data }) => data && receive(data);

  function receive(message: Message): void {
    const { sid, reason, token, generation, lifetime, left, at } = message;
    if (typeof reason === "string") listener.onEnd(sid, reason);
    if (typeof token !== "string" || ![generation, lifetime, left, at].every(Number.isFinite)) return;
    // A frozen tab may hear this minutes later: what has passed since is not left any more.
    listener.onGrant({ ...message, expiresAt: performance.now() + left - Math.max(0, Date.now() - at) });
  }

  return {
    isOpen: !!channel,
    share: (grant) => channel?.postMessage({ ...grant, left: grant.expiresAt - performance.now(), at: Date.now() }),
    end: (sid, reason) => channel?.postMessage({ sid, reason }),
    close: () => channel?.close(),
  };
}
