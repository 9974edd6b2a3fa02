import { defineConfig } from "vitest/config";

// A limit beyond doubt: on a busy machine a test with a thousand requests takes many times as long as on an idle one.
export default defineConfig({ test: { include: ["test/**/*.test.{ts,tsx}"], testTimeout: 120_000 } });
