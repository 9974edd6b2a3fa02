/** What a rendering server reads from the cookies of a request, and what it sends on and back. */

import { describe, expect, it, vi } from "vitest";
import { cookieReader } from "../src/server/cookies.js";
import { keepPrivate } from "../src/server.js";
import { contract } from "./contract.js";
import { Gate, GOOD, PAGE, principal, request, STATE, tokens } from "./fake/gate.js";

interface Cookies {
  name: string;
  url: string;
  cookies: string;
  tokens: string[];
  names_session: boolean;
  was_resumed: boolean;
}

const cookies = contract<Cookies[]>("page_cookies");
const RESUMED = "__Host-gatepass_resumed=1";
const EXPIRED = tokens.find(({ name }) => name === "run out five seconds ago")!.token;

describe("the cookies of a request", () => {
  it.each(cookies)("$name", ({ url, cookies, tokens, names_session, was_resumed }) => {
    const found = cookieReader(new URL(url))(cookies);
    expect(found).toMatchObject({ tokens, namesSession: names_session, wasResumed: was_resumed });
  });
});

describe("a page token", () => {
  it.each(tokens)("$name: $outcome", async ({ token, outcome }) => {
    const reading = new Gate().reader().principal(request(`${PAGE}=${token}; ${STATE}`));
    if (outcome === "other-party") await expect(reading).rejects.toMatchObject({ name: "PageError", code: "setup" });
    else expect(Boolean(await reading)).toBe(outcome === "accepted");
  });

  it("names the person", async () => {
    const found = await new Gate().reader().principal(request(`${PAGE}=${GOOD}; ${STATE}`));
    expect(found).toMatchObject({ ...principal, acr: null, scopes: [], claims: { sub: "ann" } });
  });

  it("brings what the application has added", async () => {
    const { token } = tokens.find(({ name }) => name === "with claims of the application")!;
    const found = await new Gate().reader().principal(request(`${PAGE}=${token}; ${STATE}`));
    expect(found).toMatchObject({
      acr: "urn:two",
      scopes: ["notes:read", "notes:write"],
      claims: { role: "editor" },
    });
  });

  it("of a gate with other names is accepted by a reader with these", async () => {
    const { token } = tokens.find(({ name }) => name === "of another issuer")!;
    const reader = new Gate().reader({ issuer: "https://other.example", audience: "https://example.com" });
    expect(await reader.principal(request(`${PAGE}=${token}; ${STATE}`))).not.toBeNull();
    await expect(new Gate().reader().principal(request(`${PAGE}=${token}; ${STATE}`))).rejects.toThrow(
      "issuer is https://other.example, and this reader's is https://example.com: set issuer",
    );
  });
});

describe("what a request says", () => {
  const resume = "https://example.com/auth/resume?next=%2Fnotes%3Fpage%3D2&optional=1";

  it.each([
    ["signed in", `${PAGE}=${GOOD}; ${STATE}`, {}, { status: "signed-in" }],
    ["the page cookie has run out", `${PAGE}=${EXPIRED}; ${STATE}`, {}, { status: "resume", resumeURL: resume }],
    ["the page cookie is gone", STATE, {}, { status: "resume", resumeURL: resume }],
    ["nobody is signed in", "", {}, { status: "anonymous", resumeURL: null }],
    ["the page cookie of a session that is over", `${PAGE}=${EXPIRED}`, {}, { status: "anonymous", resumeURL: null }],
    ["signed out without a network", `${PAGE}=${GOOD}`, {}, { status: "anonymous", resumeURL: null }],
    ["a form", `${PAGE}=${GOOD}; ${STATE}`, { method: "POST" }, { status: "unsafe-method", principal: null }],
  ])("%s", async (_, cookie, more, expected) => {
    expect(await new Gate().reader().read(request(cookie, more))).toMatchObject(expected);
  });

  it("is lost, with a word on what to look at, if the resume page has helped nothing", async () => {
    const warn = vi.spyOn(console, "warn").mockImplementation(() => {});
    const reader = new Gate().reader();
    for (const _ of "twice") expect((await reader.read(request(`${STATE}; ${RESUMED}`))).status).toBe("lost");
    expect((await reader.read(request(RESUMED))).status).toBe("anonymous");
    expect(warn.mock.calls).toEqual([[expect.stringContaining("Is PAGES on at the gate")]]);
    warn.mockRestore();
  });

  it("is anonymous, with a word on the address, if the cookies are of another gate on the host", async () => {
    const warn = vi.spyOn(console, "warn").mockImplementation(() => {});
    const reader = new Gate().reader({ baseURL: "http://localhost:3000/auth" });
    const cookie = `gatepass_page_8000=${GOOD}; gatepass_state_8000=x`;
    for (const _ of "twice") expect((await reader.read(request(cookie))).status).toBe("anonymous");
    expect(warn.mock.calls).toEqual([[expect.stringContaining("none of the gate at http://localhost:3000/auth")]]);
    await reader.read(request("gatepass_page=x; theme=gatepass_page_1"));
    expect(warn.mock.calls).toHaveLength(1);
    warn.mockRestore();
  });

  it.each([
    ["/notes?a=1", "/notes?a=1"],
    ["https://internal:3000/notes?a=1#top", "/notes?a=1"],
    ["//evil.example/", "/"],
    ["/\\evil.example", "/"],
    ["/a/%2f/b", "/"],
    ["/%252f/evil.example", "/"],
    [`/${"a".repeat(5_000)}`, "/"],
    ["http://[", "/"],
    ["/100%", "/100%"],
  ])("the resume page goes on from %s to %s", async (target, next) => {
    const { resumeURL } = await new Gate().reader().read(request(STATE), target);
    expect(new URL(resumeURL!).searchParams.get("next")).toBe(next);
  });

  it.each([
    ["/board/__data.json?a=1&x-sveltekit-invalidated=01", "/board?a=1"],
    ["/__data.json", "/"],
    ["/about.html__data.json", "/about.html"],
    ["/board.data?a=1&_routes=routes%2Fboard", "/board?a=1"],
    ["/_root.data", "/"],
    ["/board/_.data", "/board/"],
    ["/board?_rsc=1a2b3&a=1", "/board?a=1"],
  ])("the resume page goes on from the data of a page, %s, to the page, %s", async (url, next) => {
    const asked = new Request(`https://example.com${url}`, { headers: { cookie: STATE, "sec-fetch-dest": "empty" } });
    const { resumeURL } = await new Gate().reader().read(asked);
    expect(new URL(resumeURL!).searchParams.get("next")).toBe(next);
  });

  it("the resume page goes on to what a person has opened, whatever it is called", async () => {
    const headers = { cookie: STATE, "sec-fetch-dest": "document" };
    const { resumeURL } = await new Gate().reader().read(new Request("https://example.com/x.data?_rsc=1", { headers }));
    expect(new URL(resumeURL!).searchParams.get("next")).toBe("/x.data?_rsc=1");
  });

  it("is said of bare Headers too, whose page the caller names", async () => {
    const { resumeURL } = await new Gate().reader().read(new Headers({ cookie: STATE }), "/notes");
    expect(resumeURL).toContain("next=%2Fnotes&");
    const odd = { headers: { cookie: STATE } } as unknown as Request;
    await expect(new Gate().reader().read(odd)).rejects.toThrow("takes a Request or its Headers");
  });

  it("is found out once for each request", async () => {
    const gate = new Gate();
    const reader = gate.reader({ checkURL: "http://api/me" });
    const { headers } = request(`${PAGE}=${GOOD}; ${STATE}`);
    await Promise.all([reader.principal(headers), reader.principal({ headers }), reader.headers(headers)]);
    expect(gate.asked).toEqual([`/me Bearer ${GOOD}`]);
  });

  it("is the session's, once the API has refused the cookie", async () => {
    const reader = new Gate().reader();
    expect(reader.refused(request(`${PAGE}=${GOOD}; ${STATE}`))).toMatchObject({ status: "resume", resumeURL: resume });
    expect(reader.refused(request(`${PAGE}=${GOOD}`))).toMatchObject({ status: "anonymous" });
  });
});

describe("headers for the API", () => {
  it("have the page token and no cookie", async () => {
    const cookie = `__Host-Http-gatepass=gp_rt_secret; ${PAGE}=${GOOD}; ${STATE}`;
    expect(await new Gate().reader().headers(request(cookie))).toEqual({ authorization: `Bearer ${GOOD}` });
  });

  it("have the one of two tokens that holds", async () => {
    const state = STATE.replace("__Host-gatepass_state", "gatepass_state_3000");
    const cookie = `gatepass_page_3000=${EXPIRED}; gatepass_page_3000=${GOOD}; ${state}`;
    const reader = new Gate().reader({ baseURL: "http://localhost:3000/auth", issuer: "https://example.com" });
    expect(await reader.headers(request(cookie))).toEqual({ authorization: `Bearer ${GOOD}` });
  });

  it.each([
    ["nobody", "", {}],
    ["one whose cookie has run out", `${PAGE}=${EXPIRED}; ${STATE}`, {}],
    ["one who signed out without a network", `${PAGE}=${GOOD}`, {}],
    ["a form", `${PAGE}=${GOOD}; ${STATE}`, { method: "POST" }],
  ])("are none for %s", async (_, cookie, more) => {
    expect(await new Gate().reader().headers(request(cookie, more))).toEqual({});
  });
});

describe("a response for one person", () => {
  it.each([
    [{}, "private, no-store", "Cookie"],
    [{ "cache-control": "public, max-age=60, s-maxage=600" }, "private, max-age=60", "Cookie"],
    [{ "cache-control": "no-store", vary: "Accept-Encoding" }, "no-store", "Accept-Encoding, Cookie"],
    [{ "cache-control": "private, max-age=5", vary: "cookie" }, "private, max-age=5", "cookie"],
    [{ "cache-control": "s-maxage=600", vary: "*" }, "private, no-store", "*"],
    [{ "cdn-cache-control": "max-age=9", "vercel-cdn-cache-control": "max-age=9" }, "private, no-store", "Cookie"],
  ])("%j", (before, cache, vary) => {
    const headers = keepPrivate(new Headers(before as Record<string, string>));
    expect([...headers]).toEqual([
      ["cache-control", cache],
      ["vary", vary],
    ]);
  });
});
