/** Many tests in parallel, some of which fail at first: each attempt is signed in from beginning to end. */

import { caller, expect, open, statusOf, test } from "./fixtures.js";

for (let number = 0; number < Number(process.env.COUNT); number++) {
  test(`person ${number} stays signed in`, async ({ page, context, account }, { retry }) => {
    expect(await open(page)).toBe("active");
    expect(await caller(page)).toBe(account.id);
    await page.evaluate(() => window.stage.session.refresh().then(() => null));
    await page.reload();
    expect(await statusOf(page)).toBe("active");
    // A flaky test of an application; its retry is another context, signed in anew.
    if (number % 5 === 0) expect(retry).toBeGreaterThan(0);
    const other = await context.newPage();
    expect(await open(other)).toBe("active");
    expect(await caller(other)).toBe(account.id);
    expect(await caller(page)).toBe(account.id);
  });
}

test("several tests may share one account", async ({ page, signIn }) => {
  await signIn("ann@example.com");
  expect(await open(page)).toBe("active");
  await page.evaluate(() => window.stage.session.signOut());
  expect(await open(page)).toBe("anonymous");
});
