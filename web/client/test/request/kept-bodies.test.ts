/** What `createFetch` keeps of a body for a second sending, and that it lets it go. */

import { describe, expect, it } from "vitest";

import { createFetch, type FetchSetup } from "../../src/fetch.js";
import { createBudget } from "../../src/request/retry-budget.js";
import { retry } from "../../src/retry.js";
import { pass, settled, useFakeClock } from "../fake/clock.js";
import { signedIn } from "../fake/world.js";

useFakeClock();

const API = "http://localhost:8000/api/notes";
const ok = () => new Response();
const refused = () =>
  new Response(null, { status: 401, headers: { "WWW-Authenticate": 'Bearer error="invalid_token"' } });

/** A server that reads nothing of what it gets, and answers in turn. `released`: which bodies nothing holds any more. */
async function world(answers: (() => Response)[], setup: Partial<FetchSetup> = {}) {
  const made = await signedIn();
  const released: string[] = [];
  const sent: string[] = [];
  const fetch: typeof globalThis.fetch = async (input, init) => {
    const request = new Request(input, init);
    const reader = request.body!.getReader();
    sent.push(new TextDecoder().decode((await reader.read()).value));
    void reader.cancel();
    return (answers.shift() ?? ok)();
  };
  const upload = (url = API) => {
    const body = new ReadableStream<Uint8Array>({
      pull: (controller) => controller.enqueue(new TextEncoder().encode("part")),
      cancel: () => void released.push("upload"),
    });
    return new Request(url, { method: "PUT", body, duplex: "half" } as RequestInit);
  };
  const send = createFetch({ session: made.session, fetch, ...setup });
  await pass(6);
  return { ...made, send, sent, upload, released };
}

const patient = { layers: [retry({ budget: createBudget(), draw: () => 0 })] };
const broken = () => {
  throw new TypeError("Failed to fetch");
};

describe("the copy of a Request's body", () => {
  it.each([
    ["an answer", [ok], {}, 1],
    ["an error of the server", [() => new Response(null, { status: 500 })], {}, 1],
    ["the second sending", [refused, ok], {}, 2],
    ["a second refusal", [refused, refused], {}, 2],
    ["no answer", [broken], {}, 1],
    ["the last retry", [broken, () => new Response(null, { status: 503 }), ok], patient, 3],
  ] as const)("is let go with %s", async (_what, answers, setup, times) => {
    const { send, sent, upload, released } = await world([...answers], setup);
    await settled(send(upload()).catch(() => null));
    expect([sent.length, sent.at(-1), released]).toEqual([times, "part", ["upload"]]);
  });

  it("is not made of a request that is sent once, whose body stays whole if it was not sent", async () => {
    const { send, server, profile, upload, released, sent } = await world([]);
    await pass(901);
    server.refuseTokens();
    profile.faults = [503];
    const request = upload();
    await expect(settled(send(request))).rejects.toMatchObject({ cause: { kind: "refresh-unavailable" } });
    expect([request.bodyUsed, sent, released]).toEqual([false, [], []]);
  });
});

describe("what `isRefused` was given", () => {
  it("is let go, read or not: the request that was sent, and the answer that no caller gets", async () => {
    const { send, upload, released } = await world(
      [
        () => new Response(new ReadableStream({ cancel: () => void released.push("answer") }), { status: 200 }),
        () => new Response("second"),
      ],
      {
        async isRefused(response, sent) {
          sent();
          return response.headers.get("Content-Type") === null;
        },
      },
    );
    const answer = await settled(send(upload()));
    expect(await answer.text()).toBe("second");
    expect(released.sort()).toEqual(["answer", "upload"]);
  });
});
