/** The words of `gatepass/account`: each is one request, and says what came of it. */

import { describe, expect, it, vi } from "vitest";

import { createAccount } from "../src/account.js";
import { signInWith } from "../src/providers.js";
import { problem } from "../src/testing/messages.js";
import { pass, settled, useFakeClock } from "./fake/clock.js";
import { FakeProfile } from "./fake/profile.js";
import { FakeServer } from "./fake/server.js";
import { ANN, BOB, calls, open, signedIn } from "./fake/world.js";

useFakeClock();

/** Ann on two devices. */
async function world() {
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

describe("identities at providers", () => {
  /** Ann with a password, and with Google. */
  async function linked() {
    const made = await world();
    const { account, profile } = made;
    let left = "";
    const navigate = (location: string) => {
      left = location;
    };
    await settled(account.link("google", { returnTo: "/account", navigate }));
    expect(await settled(profile.comeBack(left, { subject: "ann@gmail.example" }))).toBe("/account");
    return { ...made, navigate, left: () => left };
  }

  it("are linked to the account that is signed in, listed, and unlinked", async () => {
    const { account, session, sid } = await linked();
    const [identity, ...others] = await settled(account.identities());
    expect([identity, others]).toMatchObject([{ provider: "google", email: "ann@gmail.example" }, []]);
    expect(await settled(session.refresh())).toMatchObject({ status: "active", sessionId: sid });
    await settled(account.unlink(identity!.id));
    expect(await settled(account.identities())).toEqual([]);
    await expect(settled(account.unlink(identity!.id))).rejects.toMatchObject({ problem: { code: "not-found" } });
  });

  it("need a recent sign-in to be linked, and the page may ask for it and repeat", async () => {
    const { account, server, session } = await world();
    const challenge = { "WWW-Authenticate": 'Bearer error="insufficient_user_authentication", max_age="300"' };
    server.answers.push(() => problem(401, "insufficient-user-authentication", {}, challenge));
    const link = () => settled(account.link("google", { returnTo: "/account", navigate: () => undefined }));
    await expect(link()).rejects.toMatchObject({ problem: { code: "insufficient-user-authentication" } });
    await settled(account.signInAgain(ANN.password));
    await link();
    expect(server.requests.at(-1)).toMatchObject({
      path: "/auth/oidc/google/start",
      body: { return_to: "/account", link: true },
    });
    expect(session.getSnapshot().status).toBe("active");
  });

  it("of another account are not taken, and the page is told", async () => {
    const { account, left, navigate, profile, session } = await linked();
    await settled(session.signIn({ email: "bob@example.com", password: "right" }));
    await settled(account.link("google", { returnTo: "/account", navigate }));
    const back = profile.comeBack(left(), { subject: "ann@gmail.example" });
    expect(await settled(back)).toBe("/account?gatepass_error=identity-taken");
  });

  it("that are the only way in stay", async () => {
    const { account, left, navigate, profile, session } = await linked();
    await settled(session.signOut());
    await settled(signInWith(session, "google", { returnTo: "/", navigate }));
    await settled(profile.comeBack(left(), { subject: "una@example.com" }));
    await settled(session.start());
    await settled(session.refresh());
    expect(await settled(account.hasPassword())).toBe(false);
    const [identity] = await settled(account.identities());
    await expect(settled(account.unlink(identity!.id))).rejects.toMatchObject({ problem: { code: "last-way-in" } });
  });

  it("leave a password where there is one", async () => {
    const { account } = await linked();
    expect(await settled(account.hasPassword())).toBe(true);
  });
});

describe("a sign-out at the provider too", () => {
  it("signs out here, and then leaves for the provider", async () => {
    const { account, server, session, profile, sid } = await world();
    let left = "";
    const navigate = (location: string) => {
      left = location;
    };
    await settled(account.link("google", { returnTo: "/", navigate }));
    await settled(profile.comeBack(left, { subject: "ann@gmail.example" }));
    await settled(account.signOutAtProvider({ returnTo: "/bye", navigate }));
    expect(left).toBe("https://google.example/logout");
    expect([session.getSnapshot().reason, server.rows.get(sid)!.revoked]).toEqual(["signed-out", "revoked"]);
    const asked = server.requests.find(({ path }) => path === "/auth/logout")!;
    expect([asked.body, asked.headers.get("Gatepass-Session")]).toEqual([
      { at_provider: true, return_to: "/bye" },
      sid,
    ]);
  });

  it("stays on the page where the session did not begin at one", async () => {
    const { account, session } = await world();
    const navigate = vi.fn();
    await settled(account.signOutAtProvider({ navigate }));
    expect(navigate).not.toHaveBeenCalled();
    expect(session.getSnapshot().reason).toBe("signed-out");
  });

  it("signs out here also without a network, and says so", async () => {
    const { account, profile, session } = await world();
    profile.offline = true;
    await expect(settled(account.signOutAtProvider())).rejects.toMatchObject({ kind: "network" });
    expect(session.getSnapshot()).toMatchObject({ status: "ended", reason: "signed-out" });
  });

  it("is nothing without a session", async () => {
    const { account, server, session } = await world();
    await settled(session.signOut());
    const before = server.requests.length;
    await settled(account.signOutAtProvider());
    expect(server.requests.length).toBe(before);
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
