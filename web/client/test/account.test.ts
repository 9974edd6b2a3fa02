/** The words of `gatepass/account`: each is one request, and says what came of it. */

import { describe, expect, it } from "vitest";
import { createAccount } from "../src/account.js";
import { problem } from "../src/testing/messages.js";
import { pass, settled, useFakeClock } from "./fake/clock.js";
import { FakeProfile } from "./fake/profile.js";
import { FakeServer } from "./fake/server.js";
import { world } from "./fake/two-devices.js";
import { ANN, BOB, calls, open, signedIn } from "./fake/world.js";

useFakeClock();

describe("the sessions of an account", () => {
  it("are listed, with the present one marked", async () => {
    const { account, phone, sid } = await world();
    const listed = await settled(account.sessions());
    expect(listed.map(({ id, current }) => [id, current])).toEqual([
      [phone.getSnapshot().sessionId, false],
      [sid, true],
    ]);
  });

  it("end one by one: another device is out with its next request", async () => {
    const { account, phone, server, session } = await world();
    await settled(account.endSession(phone.getSnapshot().sessionId!));
    server.refuseTokens();
    await pass(6);
    expect(await settled(phone.refresh())).toMatchObject({ status: "ended", reason: "revoked" });
    expect(await settled(session.refresh())).toMatchObject({ status: "active" });
  });

  it("end here as by a sign-out, if it is the present one", async () => {
    const { account, server, session, sid } = await world();
    await settled(account.endSession(sid));
    expect(session.getSnapshot()).toMatchObject({ status: "ended", reason: "signed-out" });
    expect(calls(server, "/auth/logout")).toBe(1);
  });

  it("end but for the present one", async () => {
    const { account, session } = await world();
    await settled(account.endOtherSessions());
    expect(await settled(account.sessions())).toHaveLength(1);
    expect(session.getSnapshot().status).toBe("active");
  });

  it("that are not of the account are refused with the server's problem", async () => {
    const { account } = await world();
    await expect(settled(account.endSession("f".repeat(32)))).rejects.toMatchObject({ kind: "http", status: 404 });
  });
});

describe("a recent sign-in", () => {
  it("is asked for without a refresh, given in place, and then the request holds", async () => {
    const { account, server, session, sid } = await world();
    const challenge = { "WWW-Authenticate": 'Bearer error="insufficient_user_authentication", max_age="300"' };
    server.answers.push(() => problem(401, "insufficient-user-authentication", { max_age: 300 }, challenge));
    await expect(settled(account.endOtherSessions())).rejects.toMatchObject({
      problem: { code: "insufficient-user-authentication", max_age: 300 },
    });
    expect(calls(server, "/auth/refresh")).toBe(0);
    await settled(account.signInAgain(ANN.password));
    expect(session.getSnapshot()).toMatchObject({ status: "active", account: { email: ANN.email } });
    expect(session.getSnapshot().sessionId).not.toBe(sid);
    await settled(account.endOtherSessions());
  });

  it.each([true, false])("is remembered if the session was: %s", async (remember) => {
    const { account, server } = await world();
    server.answers.push(() => ({ status: 200, body: { sessions: [{ id: "x", remember, current: true }] } }));
    await settled(account.signInAgain(ANN.password));
    expect(server.requests.at(-1)).toMatchObject({ path: "/auth/login", body: { remember } });
  });

  it("cannot be given by nobody", async () => {
    const { account, session } = await world();
    await settled(session.signOut());
    await expect(settled(account.signInAgain("right"))).rejects.toMatchObject({ kind: "session-ended" });
  });
});

describe("password and address", () => {
  it("change with the password, and not without", async () => {
    const { account, server } = await world();
    await settled(account.changePassword("right", "another one"));
    await settled(account.changeEmail("new@example.com", "right"));
    await settled(account.confirmEmail("gp_vt_x"));
    const sent = server.requests.slice(-3).map(({ path, body }) => [path, body]);
    const binding_secret = expect.stringMatching(/^[\w-]{43}$/);
    expect(sent).toEqual([
      ["/auth/password", { current: "right", new: "another one", binding_secret }],
      ["/auth/email", { email: "new@example.com", password: "right" }],
      ["/auth/email/confirm", { token: "gp_vt_x", binding_secret }],
    ]);
    await expect(settled(account.changePassword("wrong", "another one"))).rejects.toMatchObject({
      status: 403,
      problem: { code: "invalid-credentials" },
    });
  });

  it.each(["changePassword", "confirmEmail"] as const)("begin a new session by %s, here alone", async (name) => {
    const { account, phone, profile, server, session, sid, ends } = await world();
    const sibling = open(profile.tab());
    await settled(sibling.start());
    await settled(account[name]("right", "another one"));
    const { status, sessionId } = session.getSnapshot();
    expect([status, server.rows.get(sid)!.revoked, server.rows.get(sessionId!)!.revoked]).toEqual([
      "active",
      "replaced",
      null,
    ]);
    expect(await settled(phone.refresh())).toMatchObject({ status: "ended", reason: "replaced" });
    await pass(1);
    expect(sibling.getSnapshot()).toMatchObject({ status: "active", sessionId });
    session.close();
    expect(await settled(open(profile.tab()).start())).toMatchObject({ status: "active", sessionId });
    expect(ends).toEqual([]);
  });

  it("are changed with a token that is refreshed first where the server refuses it", async () => {
    const { account, server, session } = await world();
    await pass(6);
    server.refuseTokens();
    await settled(account.changePassword("right", "another one"));
    expect(server.requests.slice(-3).map(({ path }) => path)).toEqual([
      "/auth/password",
      "/auth/refresh",
      "/auth/password",
    ]);
    expect(session.getSnapshot().status).toBe("active");
  });

  it("are changed by nobody who is signed out", async () => {
    const { account, session } = await world();
    await settled(session.signOut());
    await expect(settled(account.changePassword("right", "x"))).rejects.toMatchObject({ kind: "session-ended" });
  });

  it("are recovered by anybody, with the header that no form can send", async () => {
    const { account, server, session } = await world();
    await settled(session.signOut());
    await settled(account.forgotPassword(ANN.email));
    await settled(account.resetPassword("gp_pr_x", "another one"));
    await settled(account.resendVerification(ANN.email));
    const sent = server.requests.slice(-3);
    expect(sent.map(({ path, body }) => [path, body])).toEqual([
      ["/auth/password/forgot", { email: ANN.email }],
      ["/auth/password/reset", { token: "gp_pr_x", new: "another one" }],
      ["/auth/verify/resend", { email: ANN.email }],
    ]);
    expect(sent.every(({ headers }) => headers.get("Gatepass-Client") === "1")).toBe(true);
  });
});

describe("an account", () => {
  it("is deleted with the password, and signed out here", async () => {
    const { account, session, ends } = await world();
    await expect(settled(account.deleteAccount("wrong"))).rejects.toMatchObject({ status: 403 });
    expect(session.getSnapshot().status).toBe("active");
    await settled(account.deleteAccount("right"));
    expect(session.getSnapshot()).toMatchObject({ status: "ended" });
    expect(ends).toHaveLength(1);
  });

  it("is made by the link of a mail, and signed in", async () => {
    const server = new FakeServer();
    const session = open(new FakeProfile(server).tab());
    const made = await settled(session.verify({ token: "new@example.com", password: "right" }));
    expect(made.email).toBe("new@example.com");
    expect(calls(server, "/auth/verify")).toBe(1);
    expect(session.getSnapshot()).toMatchObject({ status: "active", account: { email: "new@example.com" } });
  });
});

describe("members that rules of the application require", () => {
  it("go along with a change of the address and a deletion", async () => {
    const { account, server } = await world();
    await settled(account.changeEmail("new@example.com", ANN.password, { reason: "married" }));
    expect(server.requests.at(-1)!.body).toMatchObject({ email: "new@example.com", reason: "married" });
  });
});

describe("another user who signs in while an act is under way", () => {
  it.each(["deleteAccount", "signOutAtProvider"] as const)("stays signed in (%s)", async (act) => {
    const { profile, session } = await signedIn();
    const account = createAccount({
      baseURL: "http://localhost:8000/auth",
      session,
      fetch: async (input, init) => {
        const answer = await profile.send(`${input}`, init);
        await session.signIn(BOB);
        return answer;
      },
    });
    await settled(act === "deleteAccount" ? account.deleteAccount("right") : account.signOutAtProvider());
    expect(session.getSnapshot()).toMatchObject({ status: "active", account: { email: BOB.email } });
  });
});
