import { defineConfig } from "vitest/config";

export default defineConfig({ test: { include: ["*.test.mjs"], environment: "happy-dom", testTimeout: 120_000 } });
