/** What becomes of an answer that a retry has replaced. */

import { expect, it } from "vitest";

import { createFetch } from "../../src/fetch.js";
import { retry } from "../../src/retry.js";
import { settled, useFakeClock } from "../fake/clock.js";
import { signedIn } from "../fake/world.js";

useFakeClock();

it("is let go: an unread body would keep its connection", async () => {
  const { session } = await signedIn();
  const left: number[] = [];
  let count = 0;
  const fetch: typeof globalThis.fetch = async () => {
    const number = ++count;
    const body = new ReadableStream({ cancel: () => void left.push(number) });
    return new Response(body, { status: number < 3 ? 503 : 200 });
  };
  const send = createFetch({ session, fetch, layers: [retry()] });
  const answer = await settled(send("http://localhost:8000/notes"));
  expect([answer.status, answer.bodyUsed, left]).toEqual([200, false, [1, 2]]);
});
