/** A caller that has given up: its signal ends its own wait, and starts nothing. */

import { describe, expect, it } from "vitest";
import { pass, settled, useFakeClock } from "../fake/clock.js";
import { calls, open, signedIn } from "../fake/world.js";

useFakeClock();

describe("a signal that has fired", () => {
  const gone = AbortSignal.abort("left");

  it("starts no refresh of a token that has expired", async () => {
    const { session, server } = await signedIn();
    await pass(901);
    await expect(settled(session.token(undefined, gone))).rejects.toMatchObject({ kind: "aborted", cause: "left" });
    await pass(10);
    expect(calls(server, "/auth/refresh")).toBe(0);
  });

  it("starts none of a token that expires soon", async () => {
    const { session, server } = await signedIn();
    await pass(850);
    await settled(session.token(undefined, gone));
    await pass(10);
    expect(calls(server, "/auth/refresh")).toBe(0);
  });

  it("starts none of a page that was just loaded, nor of a token that was refused", async () => {
    const { profile, server, session } = await signedIn();
    await pass(10);
    const held = await settled(session.token());
    await expect(settled(session.token(held!.serial, gone))).rejects.toMatchObject({ kind: "aborted" });
    await expect(settled(open(profile.tab()).token(undefined, gone))).rejects.toMatchObject({ kind: "aborted" });
    await pass(10);
    expect(calls(server, "/auth/refresh")).toBe(0);
  });

  it("leaves alone a refresh that others wait for", async () => {
    const { session, server } = await signedIn();
    await pass(901);
    const stays = session.token();
    await expect(settled(session.token(undefined, gone))).rejects.toMatchObject({ kind: "aborted" });
    expect(await settled(stays)).toMatchObject({ value: expect.any(String) });
    expect(server.cases("advance")).toBe(1);
  });
});
