/** Which 401s refuse the access token, by what a page can see of them (its own origin, or another one). */

import { describe, expect, it } from "vitest";
import { isTokenRefused } from "../../src/request/deliver.js";

const OURS = JSON.stringify({ code: "invalid-token", status: 401 });
const OTHER = JSON.stringify({ code: "wrong-pin" });
const bytes = (text: string) => new TextEncoder().encode(text);
const stream = () => new ReadableStream();

describe("a 401 to our token", () => {
  it.each<[string, string | null, unknown, boolean]>([
    ["a challenge says so, whatever the body", 'Bearer error="invalid_token"', stream(), true],
    ["a challenge of another kind, and a stream", "Bearer", stream(), false],
    ["another scheme, and no body", 'Basic realm="x"', "", false],
    ["the code, as text", null, OURS, true],
    ["the code, parsed", null, JSON.parse(OURS), true],
    ["the code, in a blob", null, new Blob([OURS]), true],
    ["the code, in an array buffer", null, bytes(OURS).buffer, true],
    ["the code, in bytes", null, bytes(OURS), true],
    ["no token came", null, JSON.stringify({ code: "token-required" }), true],
    ["a code of the application", null, OTHER, false],
    ["a code of the application, in a blob", null, new Blob([OTHER]), false],
    ["a page of the application", null, "<h1>Sign in</h1>", false],
    ["nothing can be seen: HEAD", null, "", true],
    ["nothing can be seen: an empty blob", null, new Blob([]), true],
    ["nothing can be seen: no body", undefined as unknown as null, undefined, true],
    ["nothing can be seen: a stream", null, stream(), true],
    ["nothing can be seen: a stream of Node", null, { pipe: () => {} }, true],
  ])("%s", async (_case, challenge, body, isRefused) => {
    expect(await isTokenRefused(challenge, body)).toBe(isRefused);
  });
});
