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

test("what a cleared jar left in the database changes nothing, as Cypress clears it", async ({
  page,
  context,
  signIn,
}) => {
  for (const person of ["ann@example.com", "bob@example.com", "ann@example.com"]) {
    const account = await signIn(person);
    expect(await open(page)).toBe("active");
    expect(await caller(page)).toBe(account.id);
    await page.evaluate(() => localStorage.clear());
    await context.clearCookies();
  }
});

test("cookies and storage of an earlier session come back, as cy.session restores them", async ({
  page,
  context,
  signIn,
}) => {
  const account = await signIn("ann@example.com");
  expect(await open(page)).toBe("active");
  const cookies = await context.cookies();
  const notes = await page.evaluate(() => ({ ...localStorage }));
  await context.clearCookies();
  await signIn("bob@example.com");
  expect(await open(page)).toBe("active");
  await context.clearCookies();
  await context.addCookies(cookies);
  await page.evaluate((saved) => Object.assign(localStorage, saved), notes);
  expect(await open(page)).toBe("active");
  expect(await caller(page)).toBe(account.id);
});
