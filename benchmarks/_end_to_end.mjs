/** The half of the benchmark `end_to_end` that Playwright runs in: prints medians and what 90 of 100 stay below. ms */

import { signIn } from "../web/client/dist/playwright.js";
import { chromium } from "../web/node_modules/@playwright/test/index.mjs";

const { BASE_URL, CHROMIUM_PATH, CHROMIUM_ARGUMENTS, COUNT } = process.env;
const browser = await chromium.launch({
  ...(CHROMIUM_PATH && { executablePath: CHROMIUM_PATH }),
  args: JSON.parse(CHROMIUM_ARGUMENTS),
});
const times = { "a new context": [], "signIn in it": [], "a page, to its session": [] };

async function timed(name, act) {
  const began = performance.now();
  const result = await act();
  times[name].push(performance.now() - began);
  return result;
}

for (let number = 0; number <= Number(COUNT); number++) {
  const context = await timed("a new context", () => browser.newContext());
  await timed("signIn in it", () => signIn(context, `person-${number}@example.com`, { baseURL: BASE_URL }));
  const page = await context.newPage();
  const status = await timed("a page, to its session", async () => {
    await page.goto(BASE_URL);
    return page.evaluate(async () => {
      await window.stage.ready;
      return window.stage.session.getSnapshot().status;
    });
  });
  if (status !== "active") throw new Error(`not signed in: ${status}`);
  await context.close();
}
await browser.close();

for (const [name, all] of Object.entries(times)) {
  // Without the first, which opens connections and loads modules.
  const sorted = all.slice(1).sort((one, other) => one - other);
  const at = (share) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))].toFixed(1);
  console.log(`${name.padEnd(24)} median ${at(0.5).padStart(7)} ms, 90 % below ${at(0.9).padStart(7)} ms`);
}
