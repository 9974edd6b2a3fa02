/** What a page says that finds cookies without their key, of another browser or origin: why it is signed out, and the mend. */

import { beforeEach, expect, it, vi } from "vitest";

import { createSession } from "../../src/session/session.js";
import { FakeProfile, fakeTabs } from "../../src/testing.js";
import { settled, useFakeClock } from "../fake/clock.js";

useFakeClock();
const said: string[] = [];
beforeEach(() => {
  said.length = 0;
  vi.spyOn(console, "warn").mockImplementation((text) => said.push(text));
});

/** A page of a browser that was given the jar of another one, and its storage if `hasNotes`, never its keys. */
async function copied({ hasNotes = true, page = "http://localhost:8000/app" } = {}) {
  const { server, browser, tabs } = fakeTabs(1);
  await settled(tabs[0]!.session.signIn({ email: "ann@example.com", password: "right" }));
  const copy = new FakeProfile(server, { page });
  for (const [name, value] of browser.jar) copy.jar.set(name, value);
  if (hasNotes) for (const [name, value] of browser.storage) copy.storage.set(name, value);
  const session = createSession(
    { baseURL: "http://localhost:8000/auth", stateCookie: "gatepass_state_8000" },
    copy.tab(),
  );
  return { server, session, owner: tabs[0]!.session };
}

it.each([true, false])("says one sentence and is no theft, with its storage: %s", async (hasNotes) => {
  const { server, session, owner } = await copied({ hasNotes });
  expect(await settled(session.start())).toMatchObject({ status: "ended", reason: "unproven" });
  await settled(session.start());
  await vi.waitFor(() => expect(said).toHaveLength(1));
  expect(said[0]).toMatch(/without its key, as after storageState.*gatepass\/playwright/);
  expect(server.cases("reuse")).toBe(0);
  expect(await settled(owner.refresh())).toMatchObject({ status: "active" });
});

it("says nothing of it to the people of a site", async () => {
  const { session } = await copied({ page: "https://app.example.com/" });
  await settled(session.start());
  expect(said).toEqual([]);
});

/** Of two pages that share a jar and have storage of their own, the first signs in, then the second. */
async function replaced(first: string, second: string) {
  const { server } = fakeTabs(1);
  const [one, other] = [new FakeProfile(server, { page: first }), new FakeProfile(server, { page: second })];
  const open = (profile: FakeProfile) => createSession({ baseURL: "http://localhost:8000/auth" }, profile.tab());
  const move = (from: FakeProfile, to: FakeProfile) => {
    for (const [name, value] of from.jar) to.jar.set(name, value);
  };
  const session = open(one);
  await settled(session.signIn({ email: "ann@example.com", password: "right" }));
  move(one, other);
  const newer = open(other);
  await settled(newer.signIn({ email: "bob@example.com", password: "right" }));
  move(other, one);
  return { server, session, newer, reload: () => open(one) };
}

it.each([
  ["at another port", "http://localhost:3000/", "http://localhost:5173/"],
  ["at another host", "http://app.localhost:3000/", "http://admin.localhost:3000/"],
  ["for the people of a site too", "https://app.example.com/", "https://admin.example.com/"],
])("says that a page of another origin has signed in: %s", async (_where, first, second) => {
  const { session, newer, server, reload } = await replaced(first, second);
  expect(await settled(session.refresh())).toMatchObject({ status: "ended", reason: "unproven" });
  await vi.waitFor(() => expect(said).toHaveLength(1));
  expect(said[0]).toMatch(/page of another origin signs in at http:\/\/localhost:8000.*gate of its own/);
  await settled(session.refresh());
  expect(said, "it is said once").toHaveLength(1);
  await settled(reload().start());
  expect(server.cases("reuse")).toBe(0);
  expect(await settled(newer.refresh())).toMatchObject({ status: "active" });
});
