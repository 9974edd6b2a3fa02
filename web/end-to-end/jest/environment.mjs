/** jsdom with what Node has and jsdom has not: fetch and its classes, and the parts of cryptography. */

import { TestEnvironment } from "jest-environment-jsdom";

const MISSING = [
  "fetch",
  "Request",
  "Response",
  "Headers",
  "ReadableStream",
  "TextEncoder",
  "TextDecoder",
  "structuredClone",
];

export default class extends TestEnvironment {
  async setup() {
    await super.setup();
    for (const name of MISSING) this.global[name] ??= globalThis[name];
  }
}
