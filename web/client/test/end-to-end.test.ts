/** The helpers of Playwright and Cypress, over imitations of what these two hand to them. */

import { readFileSync } from "node:fs";
import { describe, expect, it, vi } from "vitest";

import { addCommands, type CypressLike } from "../src/cypress.js";
import { gatepassFixtures, signIn } from "../src/playwright.js";

const ACCOUNT = { id: "7", email: "ann@example.com" };
const ANSWER = { account: ACCOUNT, session_id: "ab".repeat(16), init_script: "placed()" };

function context(status = 200, body: unknown = ANSWER) {
  const text = typeof body === "string" ? body : JSON.stringify(body);
  return {
    request: { post: vi.fn(async () => ({ status: () => status, text: async () => text })) },
    addInitScript: vi.fn(async () => undefined),
  };
}

describe("signIn of Playwright", () => {
  it("asks for a session and puts its key into the pages to come", async () => {
    const given = context();
    expect(await signIn(given, "ann@example.com", { baseURL: "http://localhost:3000/app/" })).toEqual(ACCOUNT);
    expect(given.request.post).toHaveBeenCalledWith("http://localhost:3000/auth/testing/sessions", {
      data: { email: "ann@example.com", auth_url: "http://localhost:3000/auth" },
      headers: { "Gatepass-Client": "1" },
    });
    expect(given.request.post).toHaveBeenCalledTimes(1);
    expect(given.addInitScript.mock.calls).toEqual([[{ content: "placed()" }]]);
  });

  it("names an account of the application's by its id, at endpoints elsewhere", async () => {
    const given = context();
    await signIn(given, "", {
      auth: "http://localhost:8000/api/auth/",
      accountId: "7",
      methods: ["pwd", "otp", "mfa"],
      remember: false,
    });
    expect(given.request.post).toHaveBeenCalledWith(
      "http://localhost:8000/api/auth/testing/sessions",
      expect.objectContaining({
        data: {
          account_id: "7",
          methods: ["pwd", "otp", "mfa"],
          remember: false,
          auth_url: "http://localhost:8000/api/auth",
        },
      }),
    );
  });

  it.each([
    [404, "<h1>Not Found</h1>", /404: .* at http:\/\/localhost\/auth\/testing\/sessions\..*GATEPASS_TESTING=true\?$/],
    [404, { detail: "Not Found" }, /404: there is no testing endpoint at http:/],
    [403, { detail: "The testing endpoint answers requests that come from its own machine." }, /its own machine\.$/],
    [422, { detail: "Invalid members: email." }, /422: Invalid members: email\.$/],
    [502, "Bad gateway", /502.*GATEPASS_TESTING/],
  ])("says what to do about a %i", async (status, body, words) => {
    await expect(signIn(context(status, body), "ann@example.com", { baseURL: "http://localhost" })).rejects.toThrow(
      words,
    );
  });

  it("says what to name where no address of the server is known", async () => {
    await expect(signIn(context(), "ann@example.com")).rejects.toThrow(
      'gatepass: where is /auth? Set baseURL, or pass { baseURL: "http://localhost:3000" }.',
    );
  });

  it("gives each attempt of a test an account of its own", async () => {
    const given = context();
    const attempt = (retry: number) => ({ testId: "t1", repeatEachIndex: 0, retry });
    const parts = { context: given, baseURL: "http://localhost", gatepassAuth: "/auth" };
    for (const retry of [0, 1])
      await gatepassFixtures.signIn(parts, (act) => act().then(() => undefined), attempt(retry));
    const emails = given.request.post.mock.calls.map(
      (call: unknown[]) => (call[1] as { data: { email: string } }).data.email,
    );
    expect(emails).toEqual(["t1-0-0@example.com", "t1-0-1@example.com"]);
  });
});

describe("the command of Cypress", () => {
  type Answer = { status: number; body: unknown };
  type Command = (email?: string, options?: object) => unknown;

  function cypress(status = 200, body: unknown = ANSWER) {
    const commands = new Map<string, Command>();
    const loads: ((page: { eval(text: string): unknown }) => void)[] = [];
    // biome-ignore lint/suspicious/noThenProperty: the chain of Cypress
    const request = vi.fn((_: object) => ({ then: (act: (answer: Answer) => unknown) => act({ status, body }) }));
    const Cypress = {
      config: () => "http://localhost:8000",
      on: (_: string, act: (typeof loads)[number]) => loads.push(act),
      Commands: { add: (name: string, command: Command) => commands.set(name, command) },
    } as unknown as CypressLike;
    addCommands({}, { Cypress, cy: { request } });
    return { run: commands.get("signIn")!, request, load: (page: { eval(text: string): unknown }) => loads[0]!(page) };
  }

  it("asks for a session and puts its key into each page before its scripts", () => {
    const { run, request, load } = cypress();
    expect(run("ann@example.com")).toEqual(ACCOUNT);
    expect(request).toHaveBeenCalledWith(
      expect.objectContaining({ method: "POST", url: "http://localhost:8000/auth/testing/sessions" }),
    );
    const page = { eval: vi.fn() };
    load(page);
    expect(page.eval.mock.calls).toEqual([["placed()"]]);
  });

  it("remembers the keys of the last sessions only", () => {
    const { run, load } = cypress();
    for (let count = 0; count < 30; count++) run();
    const page = { eval: vi.fn() };
    load(page);
    expect(page.eval).toHaveBeenCalledTimes(10);
  });

  it("fails with what to do where there is no such endpoint", () => {
    expect(() => cypress(404, "Not Found").run()).toThrow("GATEPASS_TESTING=true");
  });
});

describe("the script that puts a key into a page", () => {
  const file = new URL("../../../src/gatepass/server/endpoints/place_key.js", import.meta.url);
  const sid = "ab".repeat(16);

  it.each([
    ["leaves a note where the server has set the state cookie of another port", "gatepass_state_8000", [`${sid}+`]],
    ["leaves none where it is that of the page", "gatepass_state_3000", []],
  ])("%s", (_, name, expected) => {
    const notes = new Map<string, string>();
    const given = {
      document: { cookie: `theme=dark; ${name}=${sid}.0.AAAAAAAAAAA.9999999999` },
      localStorage: { setItem: (key: string, text: string) => notes.set(key, text) },
      indexedDB: { open: () => ({}) },
    };
    const source = `const place =\n${readFileSync(file, "utf8")}\nreturn place;`;
    const place = new Function(...Object.keys(given), source)(...Object.values(given)) as (facts: object) => void;
    place({ issuer: "http://localhost:3000/auth", sid, secret: "AAAA" });
    expect([...notes.values()]).toEqual(expected);
    expect([...notes.keys()]).toEqual(expected.map(() => "gatepass:http://localhost:3000/auth:key"));
  });
});
