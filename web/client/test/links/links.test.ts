import { describe, expect, it } from "vitest";

import { linkTo } from "../../src/links.js";
import { pass, settled, useFakeClock } from "../fake/clock.js";
import { problem } from "../fake/server.js";
import { BOB, calls, open, signedIn } from "../fake/world.js";

useFakeClock();

describe("links", () => {
  it("are addresses at the origin of the endpoints, for one path with its query", async () => {
    const { session, sid, server } = await signedIn();
    expect(await settled(linkTo(session, "/files/7?size=large"))).toBe(
      `http://localhost:8000/files/7?size=large&gp_link=${sid}`,
    );
    expect(server.requests.at(-1)!.body).toEqual({ paths: ["/files/7?size=large"] });
  });

  it("of a gallery are asked for in one request, and of a large one in as few as the server takes", async () => {
    const { session, server } = await signedIn();
    const paths = Array.from({ length: 450 }, (_, number) => `/photos/${number}`);
    const links = await settled(Promise.all(paths.map((path) => linkTo(session, path))));
    expect(links.map((link) => new URL(link).pathname)).toEqual(paths);
    expect(calls(server, "/auth/links")).toBe(3);
  });

  it("stay the same until half of their life is over, so that browsers find in their cache what they have", async () => {
    const { session, server } = await signedIn();
    const [one, same] = await settled(Promise.all([linkTo(session, "/a"), linkTo(session, "/a")]));
    await pass(299);
    expect([same, await settled(linkTo(session, "/a"))]).toEqual([one, one]);
    expect(calls(server, "/auth/links")).toBe(1);
    await pass(2);
    await settled(linkTo(session, "/a"));
    expect(calls(server, "/auth/links")).toBe(2);
  });

  it("of one person are given to no other", async () => {
    const { session } = await signedIn();
    const anns = await settled(linkTo(session, "/a"));
    await settled(session.signIn(BOB));
    expect(await settled(linkTo(session, "/a"))).not.toBe(anns);
  });

  it("are made with a newer token if the first is refused", async () => {
    const { session, server } = await signedIn();
    await pass(6);
    server.refuseTokens();
    await settled(linkTo(session, "/a"));
    expect([calls(server, "/auth/links"), calls(server, "/auth/refresh")]).toEqual([2, 1]);
    server.refreshClaims();
    await settled(linkTo(session, "/b"));
    expect(calls(server, "/auth/refresh")).toBe(2);
  });

  it("that cannot be made reject, and the next call asks again", async () => {
    const { session, server } = await signedIn();
    server.answers.push(() => problem(503, "store-unavailable"));
    await expect(settled(linkTo(session, "/a"))).rejects.toMatchObject({ kind: "http", status: 503 });
    expect(await settled(linkTo(session, "/a"))).toContain("gp_link=");
  });

  it("of addresses that are none cost the others nothing", async () => {
    const { session, server } = await signedIn();
    const refuse = (request: { body: unknown }) =>
      (request.body as { paths: string[] }).paths.includes("/%ff") ? problem(422, "invalid-body") : undefined;
    server.answers.push(...Array.from({ length: 9 }, () => refuse));
    const made = await settled(Promise.allSettled(["/a", "/%ff", "/b"].map((path) => linkTo(session, path))));
    expect(made.map(({ status }) => status)).toEqual(["fulfilled", "rejected", "fulfilled"]);
  });

  it("need a session", async () => {
    const { profile, session } = await signedIn();
    await settled(session.signOut());
    await expect(settled(linkTo(session, "/a"))).rejects.toMatchObject({ kind: "session-ended" });
    await expect(settled(linkTo(open(profile.tab()), "/a"))).rejects.toMatchObject({ kind: "session-ended" });
  });

  it("are asked for after the session is resumed, in a page that has just been loaded", async () => {
    const { profile, sid } = await signedIn();
    expect(await settled(linkTo(open(profile.tab()), "/a"))).toContain(sid);
  });
});
