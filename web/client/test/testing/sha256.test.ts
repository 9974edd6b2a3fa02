import { createHash, createHmac } from "node:crypto";

import { expect, it } from "vitest";

import { hmac, sha256 } from "../../src/testing/sha256.js";

const data = (length: number) => Uint8Array.from({ length }, (_, i) => (i * 7 + length) % 256);
const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");

it("digests what Node digests, at every length around the block", () => {
  for (let length = 0; length < 200; length++) {
    expect(hex(sha256(data(length)))).toBe(createHash("sha256").update(data(length)).digest("hex"));
  }
});

it("signs what Node signs", () => {
  for (const length of [0, 1, 32, 64]) {
    const expected = createHmac("sha256", data(length)).update(data(90)).digest("hex");
    expect(hex(hmac(data(length), data(90)))).toBe(expected);
  }
});
