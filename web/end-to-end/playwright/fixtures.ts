/** The test of an application, as the guide has it, and what its pages put into reach (`window.stage`). */

import { test as base, type Page } from "@playwright/test";
import type { Session } from "gatepass";
import type { Client } from "gatepass/fetch";
import { type GatepassFixtures, gatepassFixtures } from "gatepass/playwright";

export { expect } from "@playwright/test";

declare global {
  interface Window {
    readonly stage: { readonly session: Session; readonly api: Client; readonly ready: Promise<unknown> };
  }
}

export const test = base.extend<GatepassFixtures>(gatepassFixtures);

/** Opens the page of the server, and returns the status of its session. */
export async function open(page: Page): Promise<string> {
  await page.goto("/");
  return statusOf(page);
}

export async function statusOf(page: Page): Promise<string> {
  return page.evaluate(async () => {
    await window.stage.ready;
    return window.stage.session.getSnapshot().status;
  });
}

/** The account that a guarded route sees; or the kind of the error. */
export function caller(page: Page): Promise<unknown> {
  return page.evaluate(() =>
    window.stage.api.get<{ account: string }>("/api/ping").then(
      ({ data }) => data.account,
      ({ kind }) => kind,
    ),
  );
}
