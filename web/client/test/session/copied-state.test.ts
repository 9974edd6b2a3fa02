/** What a page says in development that was given the cookies of another browser: why it is signed out, and the mend. */

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
