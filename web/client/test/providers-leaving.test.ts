/** A page is left for a provider as it should be, and comes back with a reason. */

import { afterEach, describe, expect, it, vi } from "vitest";
import { GatepassError } from "../src/errors.js";
import { signInWith, takeSignInError } from "../src/providers.js";
import { fakeSession } from "../src/testing.js";
import { pass, settled, useFakeClock } from "./fake/clock.js";
import { loadPage } from "./fake/page.js";
import { FakeProfile } from "./fake/profile.js";
import { problem } from "./fake/server.js";
import { ANN_THERE, leave, visitor } from "./fake/visitor.js";
import { calls, open } from "./fake/world.js";

useFakeClock();
afterEach(() => vi.unstubAllGlobals());

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
