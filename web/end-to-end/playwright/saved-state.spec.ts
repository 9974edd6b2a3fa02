/** A context that is given the saved state of another one is signed out, and its page says why in one sentence. */

import { signIn } from "gatepass/playwright";
import { caller, expect, open, statusOf, test } from "./fixtures.js";

const SAVED = [
  ["before any page was opened", false, {}],
  ["with the page's storage", true, {}],
  ["with what of IndexedDB can be saved", true, { indexedDB: true }],
] as const;

for (const [when, opened, options] of SAVED) {
  test(`a state that was saved ${when}`, async ({ browser, page, context, account }) => {
    if (opened) expect(await open(page)).toBe("active");
    const state = await context.storageState(options);
    expect(state.cookies.length).toBeGreaterThan(1);

    for (let copies = 0; copies < 2; copies++) {
      const copy = await browser.newContext({ storageState: state });
      const tab = await copy.newPage();
      const said: string[] = [];
      tab.on("console", (message) => {
        if (message.type() === "warning") said.push(message.text());
      });
      expect(await open(tab)).toBe("ended");
      expect(said).toHaveLength(1);
      expect(said[0]).toContain("gatepass/playwright");
      await copy.close();
    }

    // The owner of the state has noticed nothing.
    expect(await open(page)).toBe("active");
    expect(await caller(page)).toBe(account.id);
  });
}

test("the same state is mended by a sign-in in the context", async ({ browser, context, account, baseURL }) => {
  const copy = await browser.newContext({ storageState: await context.storageState() });
  await signIn(copy, account.email, { baseURL });
  const tab = await copy.newPage();
  expect(await open(tab)).toBe("active");
  await tab.reload();
  expect(await statusOf(tab)).toBe("active");
  await copy.close();
});
