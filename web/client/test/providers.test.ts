/** Sign-in at a provider: the page is left, and comes back with a session of its own, or with a reason. */

import { afterEach, describe, expect, it, vi } from "vitest";

import { GatepassError } from "../src/errors.js";
import { signInWith, takeSignInError } from "../src/providers.js";
import { fakeSession } from "../src/testing.js";
import { pass, settled, useFakeClock } from "./fake/clock.js";
import { loadPage } from "./fake/page.js";
import { FakeProfile, type ProfileOptions } from "./fake/profile.js";
import { FakeServer, problem } from "./fake/server.js";
import { ANN, BOB, calls, open } from "./fake/world.js";

useFakeClock();
afterEach(() => vi.unstubAllGlobals());

const ANN_THERE = { subject: ANN.email };

/** A visitor's browser. */
function visitor() {
  const server = new FakeServer();
  const profile = new FakeProfile(server);
  const session = open(profile.tab());
  return { server, profile, session };
}

/** Leaves the page of `session`. Returns where to. */
async function leave(session: ReturnType<typeof open>, returnTo = "/notes", provider = "google"): Promise<string> {
  let left = "";
  const navigate = (location: string) => {
    left = location;
  };
  await settled(signInWith(session, provider, { returnTo, navigate }));
  return left;
}

describe("the way there and back", () => {
  it("begins a session that is bound to a key of this browser, with the first refresh proven", async () => {
    const { server, profile, session } = visitor();
    const page = await settled(profile.comeBack(await leave(session), ANN_THERE));
    expect(page).toBe("/notes");
    const back = open(profile.tab());
    expect(await settled(back.start())).toMatchObject({ status: "active", account: { email: ANN.email } });
    expect(server.log.map(({ case: name, proof }) => [name, !!proof])).toEqual([["advance", true]]);
    expect([...server.rows.values()].map(({ binding }) => typeof binding)).toEqual(["string"]);
  });

  it("makes a stolen cookie worthless", async () => {
    const { server, profile, session } = visitor();
    await settled(profile.comeBack(await leave(session), ANN_THERE));
    const thief = new FakeProfile(server);
    for (const [name, value] of profile.jar) thief.jar.set(name, value);
    await settled(open(thief.tab()).start());
    expect(server.cases("advance")).toBe(0);
    expect(await settled(open(profile.tab()).start())).toMatchObject({ status: "active" });
  });

  it("finds each tab's own key, whichever comes back first, also after a password in a third", async () => {
    const { server, profile, session } = visitor();
    const other = open(profile.tab());
    const [one, two] = [await leave(session), await leave(other, "/two", "github")];
    await settled(other.signIn(BOB));
    expect(await settled(profile.comeBack(two, ANN_THERE))).toBe("/two");
    expect(await settled(open(profile.tab()).start())).toMatchObject({ status: "active", account: ANN_ACCOUNT });
    await settled(profile.comeBack(one, ANN_THERE));
    expect(await settled(open(profile.tab()).start())).toMatchObject({ status: "active", account: ANN_ACCOUNT });
    expect(server.cases("unproven")).toBe(0);
  });

  it("goes without a key where none can be stored, and the session is unbound", async () => {
    const { server, profile, session } = visitor();
    profile.canStoreKeys = false;
    await settled(profile.comeBack(await leave(session), ANN_THERE));
    expect(await settled(open(profile.tab()).start())).toMatchObject({ status: "active" });
    expect(server.requests[0]!.body).toEqual({ return_to: "/notes", remember: true });
  });

  it("ends here as unproven where storage has lost the key on the way, and the next sign-in holds", async () => {
    const { server, profile, session } = visitor();
    await settled(profile.comeBack(await leave(session), ANN_THERE));
    profile.keys.clear();
    const back = open(profile.tab());
    expect(await settled(back.start())).toMatchObject({ status: "ended", reason: "unproven" });
    await settled(profile.comeBack(await leave(back), ANN_THERE));
    expect(await settled(open(profile.tab()).start())).toMatchObject({ status: "active" });
    expect([...server.rows.values()].map(({ revoked }) => revoked)).toEqual(["replaced", null]);
  });

  it("holds up no refresh of another tab while the provider is slow", async () => {
    const { profile, session } = visitor();
    const other = open(profile.tab());
    await settled(other.signIn(BOB));
    profile.faults = [{ hang: 9_000 }];
    const leaving = leave(session);
    await pass(1);
    expect(await Promise.race([settled(other.refresh()), leaving])).toMatchObject({ status: "active" });
    await leaving;
  });

  it("is seen by the page that Back shows as it was", async () => {
    const { profile, session } = visitor();
    const tab = profile.tabs[0]!;
    await settled(session.start());
    expect(session.getSnapshot().status).toBe("anonymous");
    await settled(profile.comeBack(await leave(session), ANN_THERE));
    tab.happen("pageshow");
    await pass(1);
    expect(session.getSnapshot()).toMatchObject({ status: "active", account: ANN_ACCOUNT });
  });
});

const ANN_ACCOUNT = { email: ANN.email };

describe("a page on another host than the API", () => {
  const PAGE = "https://app.example/login";
  const API = { baseURL: "http://localhost:8000/auth" };

  /** A visitor of that page, who signs in at a provider. Returns the address to which the browser comes back. */
  async function comeBack(given: ProfileOptions = {}) {
    const server = new FakeServer();
    const profile = new FakeProfile(server, { page: PAGE, ...given });
    const session = open(profile.tab(), API);
    expect(await settled(session.start())).toMatchObject({ status: "anonymous" });
    expect(server.requests).toEqual([]);
    const back = await settled(profile.comeBack(await leave(session, "https://app.example/notes?a=1#b"), ANN_THERE));
    return { server, profile, session, back };
  }

  it("finds its session when it comes back, proves it, and keeps it over a reload", async () => {
    const { server, profile, back } = await comeBack();
    const tab = profile.tab(back);
    const session = open(tab, API);
    expect(await settled(session.start())).toMatchObject({ status: "active", account: ANN_ACCOUNT });
    expect(tab.location.href).toBe("https://app.example/notes?a=1#b");
    session.close();
    expect(await settled(open(profile.tab(), API).start())).toMatchObject({ status: "active" });
    // Of which session the cookie is, the first refresh, whether that one's cookie was kept; and the reload.
    expect(server.log.map((entry) => entry.case)).toEqual(["superseded", "advance", "superseded", "advance"]);
  });

  it("finds it without a stored key too, and without any storage", async () => {
    for (const given of [{ keys: false }, { keys: false, storage: false }]) {
      const { profile, back } = await comeBack(given);
      expect(await settled(open(profile.tab(back), API).start())).toMatchObject({ status: "active" });
    }
  });

  it("goes on asking where the server did not answer, and is unknown as long", async () => {
    const { profile, back } = await comeBack();
    const tab = profile.tab(back);
    profile.offline = true;
    const session = open(tab, API);
    expect(await settled(session.start())).toMatchObject({ status: "unknown" });
    await expect(settled(session.token())).rejects.toMatchObject({ kind: "refresh-unavailable" });
    profile.offline = false;
    tab.happen("online");
    await pass(6);
    expect(session.getSnapshot()).toMatchObject({ status: "active", account: ANN_ACCOUNT });
  });

  it("goes over to it from the session that it had", async () => {
    const { server, profile, session } = await comeBack();
    await settled(session.signIn(BOB));
    const back = await settled(profile.comeBack(await leave(session, "https://app.example/notes"), ANN_THERE));
    expect(await settled(open(profile.tab(back), API).start())).toMatchObject({
      status: "active",
      account: ANN_ACCOUNT,
    });
    await settled(session.refresh());
    expect(await settled(session.start())).toMatchObject({ status: "active", account: ANN_ACCOUNT });
    expect(server.cases("unproven")).toBe(0);
  });

  it("asks once where a link of another site says so, and stays what it was", async () => {
    const server = new FakeServer();
    const profile = new FakeProfile(server, { page: PAGE });
    const tab = profile.tab(`${PAGE}?gatepass_signed_in=localhost%3A8000`);
    const session = open(tab, API);
    expect(await settled(session.start())).toMatchObject({ status: "anonymous" });
    await settled(session.start());
    expect([server.log.map((entry) => entry.case), tab.location.href]).toEqual([["no-session"], PAGE]);
    open(profile.tab(`${PAGE}?gatepass_signed_in=other.example`), API).start();
    await pass(1);
    expect(server.log).toHaveLength(1);
  });

  it("asks when it is told to", async () => {
    const { server, profile, session } = await comeBack();
    expect(await settled(session.refresh())).toMatchObject({ status: "active" });
    await settled(session.signOut());
    expect(await settled(open(profile.tab(), API).refresh())).toMatchObject({ status: "anonymous" });
    expect(server.log.at(-1)!.case).toBe("no-session");
  });
});

describe("leaving", () => {
  it("sends what was asked, and comes back to this page without its earlier error by default", async () => {
    loadPage("/list?page=2&gatepass_error=access-denied&q=a%20b#third");
    const session = fakeSession({ status: "anonymous" });
    expect(takeSignInError()).toBe("access-denied");
    void signInWith(session, "key cloak/1", { remember: false });
    expect(session.departures).toEqual([
      { path: "/oidc/key%20cloak%2F1/start", facts: { return_to: "/list?page=2&q=a%20b#third", remember: false } },
    ]);
  });

  it("is begun once by two clicks, and by Strict Mode; a click for another provider counts too", async () => {
    const page = loadPage("/login");
    const { server, profile, session } = visitor();
    const clicks = ["google", "google", "github"].map((name) => signInWith(session, name, { returnTo: "/" }));
    await pass(20);
    expect(server.requests.map(({ path }) => path)).toEqual(["/auth/oidc/google/start", "/auth/oidc/github/start"]);
    expect(new Set(page.left).size).toBe(2);
    await Promise.all(clicks);
    expect(await settled(profile.comeBack(page.left.at(-1)!, ANN_THERE))).toBe("/");
  });

  it("asks the provider for what this sign-in needs", async () => {
    const { server, session } = visitor();
    const wishes = { prompt: "select_account", maxAge: 300, loginHint: "ann@example.com" } as const;
    await settled(signInWith(session, "google", { returnTo: "/", navigate: () => null, ...wishes }));
    expect(server.requests[0]!.body).toMatchObject({
      prompt: "select_account",
      max_age: 300,
      login_hint: "ann@example.com",
    });
  });

  it("may be done again after it failed", async () => {
    const { server, session } = visitor();
    server.answers.push(() => problem(502, "provider-unavailable"));
    await expect(settled(signInWith(session, "google", { returnTo: "/" }))).rejects.toMatchObject({
      kind: "http",
      problem: { code: "provider-unavailable" },
    });
    expect(await leave(session)).toMatch(/^https:\/\/google\.example\//);
  });

  it("is over when the page is seen again: buttons work after Back, and a first show is none", async () => {
    const page = loadPage("/login");
    const { session } = visitor();
    let isOver = false;
    const leaving = signInWith(session, "google").then(() => {
      isOver = true;
    });
    await pass(2);
    page.show(false);
    await pass(1);
    expect([page.left.length, isOver]).toEqual([1, false]);
    page.show(true);
    await leaving;
    void signInWith(session, "google");
    await pass(2);
    expect(page.left).toHaveLength(2);
  });

  it("is over after a while if it was stopped", async () => {
    loadPage("/login");
    await settled(signInWith(visitor().session, "google"));
  });

  it.each(["https://evil.example/", "//evil.example", "/\\evil.example", "javascript:alert(1)"])(
    "is refused by the server for the way back to %s",
    async (returnTo) => {
      await expect(leave(visitor().session, returnTo)).rejects.toMatchObject({ status: 422 });
    },
  );

  it.each(["javascript:alert(1)", "data:text/html,x", "/callback", ""])("never goes to %j", async (location) => {
    const { server, session } = visitor();
    const navigate = vi.fn();
    server.answers.push(() => ({ status: 200, body: { location } }));
    await expect(settled(signInWith(session, "google", { returnTo: "/", navigate }))).rejects.toBeInstanceOf(
      GatepassError,
    );
    expect(navigate).not.toHaveBeenCalled();
  });

  it.each([200, 303, 500])("is refused where an answer %i has no location", async (status) => {
    const { server, session } = visitor();
    server.answers.push(() => ({ status, body: { location: status === 200 ? 7 : "https://google.example" } }));
    await expect(settled(signInWith(session, "google", { returnTo: "/" }))).rejects.toMatchObject({
      kind: "http",
      status,
    });
  });
});

describe("an error of the way back", () => {
  it("is taken once: the address bar has it no more, and keeps the rest with the state of a router", async () => {
    const { location, history } = loadPage("/login?next=%2Fnotes&gatepass_error=access-denied&q=1#top", {
      key: "router",
    });
    expect([takeSignInError(), takeSignInError()]).toEqual(["access-denied", null]);
    expect(location.href).toBe("http://localhost:8000/login?next=%2Fnotes&q=1#top");
    expect(history.state).toEqual({ key: "router" });
  });

  it.each(["<img src=x>", "", "Call%20+1%20555", "A".repeat(99), "constructor.name"])(
    "that a link of another site has planted tells nothing: %s",
    (text) => {
      loadPage(`/login?gatepass_error=${encodeURIComponent(text)}`);
      expect(takeSignInError()).toBe("unknown");
    },
  );

  it("may have a code of the application's own", () => {
    loadPage("/login?gatepass_error=domain-not-invited");
    expect(takeSignInError()).toBe("domain-not-invited");
  });

  it("is none on a server, and without the parameter", () => {
    expect(takeSignInError()).toBeNull();
    const { location } = loadPage("/login?gatepass_errors=1");
    expect(takeSignInError()).toBeNull();
    expect(location.href).toMatch(/gatepass_errors=1$/);
  });

  it("stops a page that signs in by itself from going round in circles", async () => {
    const page = loadPage("/?gatepass_error=provider-error");
    const session = fakeSession({ status: "anonymous" });
    await expect(signInWith(session, "google")).rejects.toMatchObject({ problem: { code: "provider-error" } });
    expect(session.departures).toEqual([]);
    expect(page.location.href).toBe("http://localhost:8000/");
    void signInWith(session, "google");
    expect(session.departures).toHaveLength(1);
  });

  it("comes back from the fake server, and nobody is signed in", async () => {
    const { profile, session } = visitor();
    const back = profile.comeBack(await leave(session, "/login?x=1"), { error: "access-denied" });
    expect(await settled(back)).toBe("/login?x=1&gatepass_error=access-denied");
    expect(await settled(open(profile.tab()).start())).toMatchObject({ status: "anonymous" });
  });

  it("is a plain refusal in another browser, and the second time", async () => {
    const { server, profile, session } = visitor();
    const location = await leave(session);
    await expect(settled(new FakeProfile(server).comeBack(location, ANN_THERE))).rejects.toThrow("400");
    await settled(profile.comeBack(location, ANN_THERE));
    await expect(settled(profile.comeBack(location, ANN_THERE))).rejects.toThrow("400");
    expect(calls(server, "/auth/oidc/google/callback")).toBe(3);
  });
});

describe("a fake session", () => {
  it("refuses a departure when told to", async () => {
    const session = fakeSession({ status: "anonymous" });
    session.refuse(new GatepassError("network"));
    await expect(signInWith(session, "google", { returnTo: "/" })).rejects.toMatchObject({ kind: "network" });
  });
});
