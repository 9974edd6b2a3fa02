import { describe, expect, it } from "vitest";

import { followLink } from "../../src/links.js";
import { pass, settled, useFakeClock } from "../fake/clock.js";
import { problem } from "../fake/server.js";
import { BOB, calls, signedIn } from "../fake/world.js";

useFakeClock();

async function following(path = "/files/7") {
  const world = await signedIn();
  const links: (string | null)[] = [];
  const errors: unknown[] = [];
  const follow = (to = path) =>
    followLink(world.session, to, (link) => links.push(link), { onError: (error) => errors.push(error) });
  const stop = follow();
  await pass(0.1);
  return { ...world, links, errors, follow, stop };
}

describe("a link that is followed", () => {
  it("is replaced before it expires, and nothing is revoked", async () => {
    const { links, server } = await following();
    expect(links).toEqual([expect.stringContaining("/files/7?gp_link=")]);
    await pass(299);
    expect(links).toHaveLength(1);
    await pass(2);
    expect(links).toHaveLength(2);
    expect(server.requests.map(({ path }) => path)).toEqual(["/auth/login", "/auth/links", "/auth/links"]);
  });

  it("keeps no abandoned session alive, and is new after a sign of use", async () => {
    const { links, server, session } = await following();
    await pass(10 * 3_600);
    const before = links.length;
    expect(calls(server, "/auth/refresh")).toBe(0);
    expect(before).toBeLessThanOrEqual(4);
    await settled(session.token());
    await pass(0.1);
    expect(links).toHaveLength(before + 1);
    expect(calls(server, "/auth/refresh")).toBe(1);
  });

  it("of a gallery costs one request for all of them, also when they are replaced", async () => {
    const { follow, links, server } = await following();
    for (let number = 0; number < 40; number++) follow(`/photos/${number}`);
    await pass(0.1);
    expect([links.length, calls(server, "/auth/links")]).toEqual([41, 2]);
    await pass(301);
    expect([links.length, calls(server, "/auth/links")]).toEqual([82, 4]);
  });

  it("is none when the session ends, and that of the next person after a sign-in", async () => {
    const { links, session } = await following();
    await settled(session.signOut());
    await pass(0.1);
    expect(links.at(-1)).toBeNull();
    await settled(session.signIn(BOB));
    await pass(0.1);
    expect(links).toEqual([links[0], null, expect.stringContaining(session.getSnapshot().sessionId!)]);
  });

  it("is asked for again while the server cannot answer, and the caller hears of it", async () => {
    const { follow, links, errors, server } = await following();
    server.answers.push(() => problem(503, "store-unavailable"));
    follow("/other");
    await pass(10);
    expect(errors).toMatchObject([{ status: 503 }]);
    expect(links.at(-1)).toContain("/other");
  });

  it("is asked for once, where the answer would be the same", async () => {
    const { follow, links, errors, server } = await following();
    server.answers.push(() => problem(422, "invalid-path"));
    follow("/other");
    await pass(3_000);
    expect(errors).toMatchObject([{ status: 422 }]);
    expect(links.filter((link) => link?.includes("/other"))).toEqual([]);
  });

  it("is not heard of after it was stopped", async () => {
    const { links, server, session, stop } = await following();
    stop();
    await pass(1_000);
    await settled(session.signOut());
    expect(links).toHaveLength(1);
    expect(calls(server, "/auth/links")).toBe(1);
  });
});
