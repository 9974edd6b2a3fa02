/** Ann on two devices. */

import { createAccount } from "../../src/account.js";
import { settled } from "./clock.js";
import { FakeProfile } from "./profile.js";
import { ANN, open, signedIn } from "./world.js";

export async function world() {
  const made = await signedIn();
  const other = new FakeProfile(made.server);
  const phone = open(other.tab());
  await settled(phone.signIn(ANN));
  const account = createAccount({
    baseURL: "http://localhost:8000/auth",
    session: made.session,
    fetch: (input, init) => made.profile.send(`${input}`, init),
  });
  return { ...made, phone, account };
}
