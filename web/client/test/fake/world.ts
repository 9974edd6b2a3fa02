/** A signed-in person, ready for something to go wrong. */

import { createSession } from "../../src/session/session.js";
import type { Session, SessionOptions } from "../../src/session/types.js";
import { settled } from "./clock.js";
import { FakeProfile, type FakeTab, type ProfileOptions } from "./profile.js";
import { FakeServer } from "./server.js";

export const ANN = { email: "ann@example.com", password: "right" };
export const BOB = { email: "bob@example.com", password: "right" };

/** A page is loaded in `tab`. */
export function open(tab: FakeTab, options: Partial<SessionOptions> = {}): Session {
  return createSession({ baseURL: "/auth", ...options }, tab);
}

/** Ann has signed in in one tab; `ends` collects what `onEnded` is told. */
export async function signedIn(given: ProfileOptions = {}, options: Partial<SessionOptions> = {}) {
  const server = new FakeServer();
  const profile = new FakeProfile(server, given);
  const tab = profile.tab();
  const ends: { reason: string; sessionId: string }[] = [];
  const session = open(tab, { onEnded: (end) => ends.push(end), ...options });
  await settled(session.signIn(ANN));
  server.log.length = 0; // a page on another host has asked whether its cookie was kept
  const sid = session.getSnapshot().sessionId!;
  return { server, profile, tab, session, ends, sid };
}

/** How often an endpoint was called. */
export function calls(server: FakeServer, path: string): number {
  return server.requests.filter((request) => request.path === path).length;
}
