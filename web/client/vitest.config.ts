import { defineConfig } from "vitest/config";

/** ms. No verdict is about speed: after this long nothing will come any more. */
const PATIENCE = 120_000;

export default defineConfig({
  // Examples import the package by its name, as applications do.
  resolve: { alias: [{ find: /^gatepass\/(.*)$/, replacement: `${import.meta.dirname}/src/$1.ts` }] },
  test: {
    // A thread for each file starts with less than a process. No test is about the process that it runs in.
    pool: "threads",
    include: ["test/**/*.test.{ts,tsx}"],
    testTimeout: PATIENCE,
    hookTimeout: PATIENCE,
    // Its runtime is TypeScript, which it copies into applications.
    server: { deps: { inline: [/@hey-api/] } },
  },
});
