export default {
  testEnvironment: "./environment.mjs",
  testMatch: ["**/*.test.mjs"],
  transform: {},
  testTimeout: 120_000,
};
