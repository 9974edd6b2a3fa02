/** Ann, signed in, with a client over fetch. */

import { createClient } from "../../src/fetch.js";
import { signedIn } from "./world.js";

export async function world() {
  const made = await signedIn();
  const sent: { url: string; init: RequestInit; token: string | null }[] = [];
  const fetch: typeof globalThis.fetch = (input, init = {}) => {
    sent.push({ url: String(input), init, token: new Headers(init.headers).get("Authorization") });
    return made.profile.send(String(input), init);
  };
  const client = createClient({ baseURL: "http://localhost:8000/api", session: made.session, fetch });
  return { ...made, client, sent };
}
