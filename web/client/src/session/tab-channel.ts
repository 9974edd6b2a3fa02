/**
 * Messages between the tabs of a browser: a new access token, the end of a session.
 *
 * It is only an optimisation: a tab that gets no message refreshes by itself and learns of an end from the server.
 */

import type { BrowserScope } from "./browser.js";
import { type Grant, sidOf } from "./endpoints.js";
import type { EndReason } from "./types.js";

/** The channel of all tabs. */
export interface Channel {
  /** False if the browser has no BroadcastChannel. */
  readonly isOpen: boolean;
  share(grant: Grant): void;
  end(sid: string, reason: EndReason): void;
  close(): void;
}

/** Called for messages of other tabs. */
export interface ChannelListener {
  onGrant(grant: Grant): void;
  onEnd(sid: string, reason: EndReason): void;
}

/** The clock differs between tabs, so a message has the time left and the wall clock. */
type Message = Grant & { readonly left: number; readonly at: number; readonly reason?: EndReason };

/** Opens the channel `name`; `now` is the clock of the session. */
export function openChannel(scope: BrowserScope, name: string, now: () => number, listener: ChannelListener): Channel {
  let channel: InstanceType<NonNullable<BrowserScope["BroadcastChannel"]>> | null | undefined;
  try {
    // Firefox throws where it blocks the storage of a site.
    channel = scope.document && new scope.BroadcastChannel!(name);
    channel!.onmessage = ({ data }) => data && receive(data);
  } catch {}

  function receive(message: Message): void {
    const { sid, reason, token, generation, lifetime, left, at } = message;
    if (typeof reason === "string") listener.onEnd(sid, reason);
    // The token itself must be of that session: another account's, sent under this name, would be used here. What a
    // message says of the account is not believed.
    if (sidOf(token) !== sid || ![generation, lifetime, left, at].every(Number.isFinite)) return;
    // A frozen tab may get the message minutes later, so the time since is subtracted.
    listener.onGrant({ ...message, account: null, expiresAt: now() + left - Math.max(0, Date.now() - at) });
  }

  return {
    isOpen: !!channel,
    share: (grant) => channel?.postMessage({ ...grant, left: grant.expiresAt - now(), at: Date.now() }),
    end: (sid, reason) => channel?.postMessage({ sid, reason }),
    close() {
      channel?.close();
      // To post to a closed one throws, and a refresh or a sign-out may be under way.
      channel = null;
    },
  };
}
