// As projects have it that are CommonJS: a transform translates modules, here esbuild in the place of Babel or swc.
module.exports = {
  testMatch: ["**/*.test.js"],
  transform: { "\\.js$": "./translate.cjs" },
  transformIgnorePatterns: ["/node_modules/(?!gatepass/)"],
  testTimeout: 120_000,
};
