/** Codes and their texts: nothing is forgotten, and what people read has no hole in it. */

import { describe, expect, expectTypeOf, it } from "vitest";

import { failureOf, GatepassError, type ProblemCode } from "../src/errors.js";
import { de, en, es, fr, pt, type Texts, textOf, zh } from "../src/texts.js";
import { contract } from "./contract.js";

const ALL = { de, en, es, fr, pt, zh };
const { codes } = contract<{ codes: { code: ProblemCode; status: number[] }[] }>("problems");

function refusal(code: string, facts: object = {}): GatepassError {
  const problem = { type: `urn:gatepass:problem:${code}`, code, ...facts };
  return new GatepassError("http", { status: 400, problem, ...facts });
}

describe("problem codes", () => {
  it("of Gatepass are told from those of other programs", () => {
    expect(failureOf(refusal("email-taken"))).toMatchObject({ code: "email-taken", problemCode: "email-taken" });
    expect(failureOf(refusal("app:closed")).problemCode).toBeUndefined();
    const foreign = new GatepassError("http", { status: 409, problem: { code: "email-taken" } });
    expect(failureOf(foreign)).toMatchObject({ code: "email-taken", problemCode: undefined });
  });

  it("that a switch forgets do not compile", () => {
    const forgets = (code: ProblemCode) => {
      switch (code) {
        case "email-taken":
          return "Sign in?";
        default:
          // @ts-expect-error: many codes are left
          return code satisfies never;
      }
    };
    expect(forgets("email-taken")).toBe("Sign in?");
    // @ts-expect-error: so are many texts
    const texts: Texts["codes"] = { "email-taken": "Sign in?" };
    expect(texts).toBeDefined();
    expectTypeOf(failureOf(null).problemCode).toEqualTypeOf<ProblemCode | undefined>();
  });
});

describe.each(Object.entries(ALL))("texts in %s", (_language, texts) => {
  it("are there for every code, and have no hole", () => {
    expect(Object.keys(texts.codes)).toEqual(codes.map(({ code }) => code));
    for (const { code } of codes) {
      const text = textOf(refusal(code, { retryAfterMs: 30_000 }), texts);
      expect(text).toMatch(/^\p{L}|^¿/u);
      expect(text).not.toMatch(/[{}]|undefined|NaN/);
    }
  });

  it("say how long to wait, in seconds or minutes", () => {
    const [first, later] = [1_000, 300_000].map((retryAfterMs) =>
      textOf(refusal("too-many-attempts", { retryAfterMs }), texts),
    );
    expect(first).toContain(texts.seconds[0]);
    expect(later).toContain(texts.minutes[1].replace("{n}", "5"));
  });

  it("are there for what has no code", () => {
    const said = (["network", "timeout", "aborted"] as const).map((kind) => textOf(new GatepassError(kind), texts));
    expect(said).toEqual([texts.failures.network, texts.failures.timeout, texts.failures.other]);
    expect(textOf(new GatepassError("session-ended"), texts)).toBe(texts.codes["session-ended"]);
    expect(textOf(refusal("of-a-newer-server"), texts)).toBe(texts.failures.other);
    expect(textOf(new TypeError("x"), texts)).toBe(texts.failures.other);
  });
});

it("a rule of the application speaks for itself", () => {
  expect(textOf(refusal("app:closed", { detail: "We are closed today." }), de)).toBe("We are closed today.");
});
