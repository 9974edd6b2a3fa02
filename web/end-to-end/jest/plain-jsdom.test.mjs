/** @jest-environment jest-environment-jsdom */

import assert from "node:assert/strict";
import { test } from "@jest/globals";
import { fakeSession, faultServer } from "gatepass/testing";

test("without the fetch API a fake session works, and the server says what is missing", () => {
  assert.equal(fakeSession().getSnapshot().status, "active");
  assert.throws(() => faultServer(), /no fetch API/);
});
