/** Sign-in at a provider: the page is left, and comes back with a session of its own. */

import { afterEach, describe, expect, it, vi } from "vitest";
import { GatepassError } from "../src/errors.js";
import { signInWith } from "../src/providers.js";
import { fakeSession } from "../src/testing.js";
import { pass, settled, useFakeClock } from "./fake/clock.js";
import { FakeProfile, type ProfileOptions } from "./fake/profile.js";
import { FakeServer } from "./fake/server.js";
import { ANN_THERE, leave, visitor } from "./fake/visitor.js";
import { ANN, BOB, open } from "./fake/world.js";

useFakeClock();
afterEach(() => vi.unstubAllGlobals());

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

describe("a fake session", () => {
  it("refuses a departure when told to", async () => {
    const session = fakeSession({ status: "anonymous" });
    session.refuse(new GatepassError("network"));
    await expect(signInWith(session, "google", { returnTo: "/" })).rejects.toMatchObject({ kind: "network" });
  });
});
