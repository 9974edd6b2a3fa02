/** Roles that change at once (PROTOCOL §7): five calls are refused, one refresh brings the new claims, all go on. */

import axios from "axios";
import { describe, expect, it } from "vitest";

import { attachAxios } from "../src/axios.js";
import { createClient } from "../src/fetch.js";
import { linkTo } from "../src/links.js";
import { ask, asOwner } from "../src/request/as-owner.js";
import { pass, settled, useFakeClock } from "./fake/clock.js";
import { calls, signedIn } from "./fake/world.js";

useFakeClock();

type World = Awaited<ReturnType<typeof signedIn>>;
const baseURL = "http://localhost:8000/api";
const clients: Record<string, (world: World) => (path: string) => Promise<{ status: number }>> = {
  fetch({ session, profile }) {
    const client = createClient({ baseURL, session, fetch: (input, init) => profile.send(String(input), init ?? {}) });
    return (path) => client.get(path);
  },
  axios({ session, profile }) {
    const fetch = (request: Request | string, init?: RequestInit) =>
      profile.send(typeof request === "string" ? request : request.url, init);
    const adapter = axios.getAdapter("fetch", { env: { fetch, Request: null, Response } } as never);
    const instance = axios.create({ baseURL, adapter });
    attachAxios(instance, { session });
    return (path) => instance.get(path);
  },
};
const cases = Object.keys(clients).flatMap((name) => [0, 4, 600].map((age) => [name, age] as const));

describe.each(cases)("with %s, a token of %i seconds whose claims have changed", (name, age) => {
  it("costs five calls at once one refresh, and ends no session", async () => {
    const world = await signedIn();
    const { session, server, ends } = world;
    const get = clients[name]!(world);
    await settled(get("/first"));
    await pass(age);
    server.refreshClaims();
    const answers = await settled(Promise.all(["/a", "/b", "/c", "/d", "/e"].map(get)));
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200, 200]);
    expect(calls(server, "/auth/refresh")).toBe(1);
    expect(session.getSnapshot().status).toBe("active");
    expect(ends).toEqual([]);
  });
});

/** The claims change as often while a refresh makes a token. */
function changeInRefresh({ server }: World, changes: number): void {
  const real = server.receive.bind(server);
  server.receive = (request) => {
    const answer = real(request);
    if (request.path === "/auth/refresh" && changes-- > 0) server.refreshClaims();
    return answer;
  };
}

it("goes on where they changed again while the newer token was being made", async () => {
  const world = await signedIn();
  const { session, server } = world;
  const get = clients.fetch!(world);
  server.refreshClaims();
  changeInRefresh(world, 1);
  expect((await settled(get("/a"))).status).toBe(200);
  expect(calls(server, "/auth/refresh")).toBe(2);
  expect(session.getSnapshot().status).toBe("active");
});

it("gives up where they change at every refresh, and no session ends", async () => {
  const world = await signedIn();
  const { session, server } = world;
  const get = clients.fetch!(world);
  server.refreshClaims();
  changeInRefresh(world, Infinity);
  await expect(settled(get("/a"))).rejects.toMatchObject({ status: 401 });
  expect(calls(server, "/auth/refresh")).toBe(2);
  expect(session.getSnapshot().status).toBe("active");
});

/** A refresh is under way whose token the server has made before the claims changed. */
async function tooEarly() {
  const world = await signedIn();
  world.profile.faults = [{ lag: 2_000 }];
  void world.session.refresh();
  await pass(1);
  world.server.refreshClaims();
  return world;
}

const calling: Record<string, (world: World) => (path: string) => Promise<unknown>> = {
  ...clients,
  "endpoints of the account":
    ({ session }) =>
    (path) =>
      asOwner(session, (token) => ask(session, "/links", { paths: [path] }, token)),
  links:
    ({ session }) =>
    (path) =>
      linkTo(session, path),
};

describe.each(Object.keys(calling))("calls of %s that join a refresh from before the claims changed", (name) => {
  it("cost one more, and are answered", async () => {
    const world = await tooEarly();
    const get = calling[name]!(world);
    await settled(Promise.all(["/a", "/b", "/c"].map(get)));
    expect(calls(world.server, "/auth/refresh")).toBe(2);
    expect(world.session.getSnapshot().status).toBe("active");
  });

  it("and those whose newer token was made before they changed, are answered too", async () => {
    const world = await signedIn();
    await pass(6);
    world.server.refuseTokens();
    changeInRefresh(world, 1);
    await settled(calling[name]!(world)("/a"));
    expect(calls(world.server, "/auth/refresh")).toBe(2);
  });
});
