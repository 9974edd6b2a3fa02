import { afterEach, describe, expect, it, vi } from "vitest";

import { readRetryAfter } from "../../src/errors.js";
import { type Outcome, outcomeOf, readMark } from "../../src/session/endpoints.js";
import { contract } from "../contract.js";

interface Row {
  name: string;
  sid: string;
  status: number;
  body: Record<string, unknown> | null;
  outcome: Record<string, unknown>;
}

interface Schedule {
  retry_after: { text: string; now: string; wait_ms: number | null }[];
}

/** An outcome in the words of the contract. */
function told({ kind, grant, error }: Outcome): Record<string, unknown> {
  switch (kind) {
    case "ok":
      return { kind, generation: grant!.generation, lifetime_s: grant!.lifetime / 1_000 };
    case "session-ended":
      return { kind, reason: error?.problem?.reason ?? "unknown" };
    case "refresh-superseded":
      return { kind, generation: readMark(error?.problem)?.generation ?? null };
    default:
      return { kind };
  }
}

describe("an answer to a refresh", () => {
  it.each(contract<Row[]>("refresh_outcomes"))("$name", ({ sid, status, body, outcome }) => {
    expect(told(outcomeOf({ status, problem: body, sentAt: 0 }, sid))).toEqual(outcome);
  });
});

describe("Retry-After", () => {
  afterEach(() => {
    vi.useRealTimers();
  });

  it.each(contract<Schedule>("refresh_schedule").retry_after)("$text is $wait_ms ms", ({ text, now, wait_ms }) => {
    vi.useFakeTimers({ toFake: ["Date"], now: new Date(now) });
    expect(readRetryAfter(text)).toBe(wait_ms ?? undefined);
  });

  it("is nothing where there is none", () => {
    expect(readRetryAfter(null)).toBeUndefined();
  });
});
