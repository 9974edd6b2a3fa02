import { defineConfig } from "vitest/config";

/** ms. No verdict is about speed: after this long nothing will come any more. */
const PATIENCE = 120_000;

export default defineConfig({
  test: { include: ["test/**/*.test.{ts,tsx}"], testTimeout: PATIENCE, hookTimeout: PATIENCE },
});
