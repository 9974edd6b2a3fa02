/** Which 401s refuse the access token, by what a page can see of them (its own origin, or another one). */

import { describe, expect, it } from "vitest";
import { readBinary } from "../../src/request/binary.js";
import { type Refusal, refusalOf } from "../../src/request/deliver.js";

const OURS = JSON.stringify({ code: "invalid-token", status: 401 });
const CHANGED = JSON.stringify({ code: "invalid-token", reason: "claims-changed", status: 401 });
const OTHER = JSON.stringify({ code: "wrong-pin" });
const bytes = (text: string) => new TextEncoder().encode(text);
const stream = () => new ReadableStream();

describe("a 401 to our token", () => {
  it.each<[string, string | null, unknown, Refusal]>([
    ["a challenge says so, whatever the body", 'Bearer error="invalid_token"', stream(), "invalid"],
    ["a challenge of another kind, and a stream", "Bearer", stream(), null],
    ["another scheme, and no body", 'Basic realm="x"', "", null],
    [
      "a challenge with the reason",
      'Bearer error="invalid_token", error_description="claims-changed"',
      null,
      "claims-changed",
    ],
    ["the code with the reason, as text", null, CHANGED, "claims-changed"],
    ["the code with the reason, parsed", null, JSON.parse(CHANGED), "claims-changed"],
    ["a reason of the application", null, JSON.stringify({ code: "x", reason: "claims-changed" }), null],
    ["the code, as text", null, OURS, "invalid"],
    ["the code, parsed", null, JSON.parse(OURS), "invalid"],
    ["the code, in a blob", null, new Blob([OURS]), "invalid"],
    ["the code, in an array buffer", null, bytes(OURS).buffer, "invalid"],
    ["the code, in bytes", null, bytes(OURS), "invalid"],
    ["no token came", null, JSON.stringify({ code: "token-required" }), "invalid"],
    ["a code of the application", null, OTHER, null],
    ["a code of the application, in a blob", null, new Blob([OTHER]), null],
    ["a page of the application", null, "<h1>Sign in</h1>", null],
    ["nothing can be seen: HEAD", null, "", "invalid"],
    ["nothing can be seen: an empty blob", null, new Blob([]), "invalid"],
    ["nothing can be seen: no body", undefined as unknown as null, undefined, "invalid"],
    ["nothing can be seen: a stream", null, stream(), "invalid"],
    ["nothing can be seen: a stream of Node", null, { pipe: () => {} }, "invalid"],
  ])("%s", async (_case, challenge, body, refusal) => {
    expect(refusalOf(challenge, await readBinary(body))).toBe(refusal);
  });
});
