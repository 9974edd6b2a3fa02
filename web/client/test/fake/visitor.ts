/** A visitor's browser, and the way of its page to a provider. */

import { signInWith } from "../../src/providers.js";
import { settled } from "./clock.js";
import { FakeProfile } from "./profile.js";
import { FakeServer } from "./server.js";
import { ANN, open } from "./world.js";

export const ANN_THERE = { subject: ANN.email };

/** A visitor's browser. */
export function visitor() {
  const server = new FakeServer();
  const profile = new FakeProfile(server);
  const session = open(profile.tab());
  return { server, profile, session };
}

/** Leaves the page of `session`. Returns where to. */
export async function leave(
  session: ReturnType<typeof open>,
  returnTo = "/notes",
  provider = "google",
): Promise<string> {
  let left = "";
  const navigate = (location: string) => {
    left = location;
  };
  await settled(signInWith(session, provider, { returnTo, navigate }));
  return left;
}
