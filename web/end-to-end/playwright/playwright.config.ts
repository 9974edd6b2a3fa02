/** The server and the browser are named by the test that runs this: tests/system/end_to_end. */

import { defineConfig } from "@playwright/test";

const { BASE_URL = "", CHROMIUM_PATH = "", CHROMIUM_ARGUMENTS = "[]", OUTPUT = "" } = process.env;

/** ms. No verdict is about speed: after this long nothing will come any more. */
const PATIENCE = 120_000;

export default defineConfig({
  testDir: ".",
  outputDir: OUTPUT,
  retries: 2,
  fullyParallel: true,
  timeout: PATIENCE,
  expect: { timeout: PATIENCE },
  reporter: [["json"]],
  use: {
    baseURL: BASE_URL,
    launchOptions: { ...(CHROMIUM_PATH && { executablePath: CHROMIUM_PATH }), args: JSON.parse(CHROMIUM_ARGUMENTS) },
  },
});
