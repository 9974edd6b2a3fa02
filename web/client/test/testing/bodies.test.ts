/** What the server of `faultServer` gets of a body that is no JSON. */

import { expect, it } from "vitest";

import { createClient } from "../../src/fetch.js";
import { faultServer } from "../../src/testing.js";
import { settled, useFakeClock } from "../fake/clock.js";
import { signedIn } from "../fake/world.js";

useFakeClock();

it.each([
  ["a text", "hello {"],
  ["a form", "a=1&b=2"],
])("is as it was sent: %s", async (_what, body) => {
  const { session, profile } = await signedIn();
  const client = createClient({
    baseURL: "http://localhost:8000/api",
    session,
    fetch: (url, init) => profile.send(`${url}`, init),
  });
  const { data } = await settled(client.post<{ echo: unknown }>("/notes", body));
  expect(data.echo).toBe(body);
  const { fetch, server } = faultServer();
  await settled(fetch(new Request("http://localhost:8000/api/notes", { method: "POST", body })));
  expect(server.requests.at(-1)!.body).toBe(body);
});
