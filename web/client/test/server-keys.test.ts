/** The keys by which a rendering server checks page tokens: fetched, kept and renewed; or the API checks. */

import { describe, expect, it, vi } from "vitest";
import { createPageReader, PageError } from "../src/server.js";
import { ES256, Gate, GOOD, jwks, PAGE, request, STATE, tokens } from "./fake/gate.js";

const UNKNOWN = tokens.find(({ name }) => name === "under a key that is not published")!.token;

describe("the keys", () => {
  const page = (token: string) => request(`${PAGE}=${token}; ${STATE}`);

  it("are read once, by all requests that come meanwhile", async () => {
    const gate = new Gate();
    const reader = gate.reader({ internalURL: "http://127.0.0.1:8000/auth/" });
    await Promise.all([reader.principal(page(GOOD)), reader.principal(page(ES256)), reader.principal(page(UNKNOWN))]);
    expect(gate.asked).toEqual(["/auth/jwks.json"]);
  });

  it("are read again for an unknown one, at most once in 30 seconds", async () => {
    const clock = vi.spyOn(performance, "now").mockReturnValue(0);
    const gate = new Gate();
    gate.keys = jwks.keys.slice(1);
    const reader = gate.reader();
    expect(await reader.principal(page(GOOD))).toBeNull();
    gate.keys = jwks.keys;
    expect(await reader.principal(page(GOOD))).toBeNull();
    expect(gate.asked).toHaveLength(1);
    clock.mockReturnValue(30_001);
    const found = await Promise.all([reader.principal(page(GOOD)), reader.principal(page(GOOD))]);
    expect(found).toMatchObject([{ accountId: "ann" }, { accountId: "ann" }]);
    await reader.principal(page(UNKNOWN));
    expect(gate.asked).toHaveLength(2);
    clock.mockRestore();
  });

  it("are read anew after five minutes, while pages go on with the old ones", async () => {
    const clock = vi.spyOn(performance, "now").mockReturnValue(0);
    const gate = new Gate();
    const reader = gate.reader();
    await reader.principal(page(GOOD));
    clock.mockReturnValue(300_001);
    gate.instead.push(new Error("down"), new Error("down"), new Error("down"));
    expect(await reader.principal(page(GOOD))).not.toBeNull();
    await vi.waitFor(() => expect(gate.asked).toHaveLength(4));
    clock.mockReturnValue(330_003);
    gate.keys = jwks.keys.slice(1); // an emergency: the key was taken away
    expect(await reader.principal(page(GOOD))).not.toBeNull();
    await vi.waitFor(async () => expect(await reader.principal(page(GOOD))).toBeNull());
    clock.mockRestore();
  });

  it("are too old after an hour, and then nobody is called signed out", async () => {
    const clock = vi.spyOn(performance, "now").mockReturnValue(0);
    const gate = new Gate();
    const reader = gate.reader();
    await reader.principal(page(GOOD));
    clock.mockReturnValue(3_600_001);
    gate.instead.push(...Array.from({ length: 3 }, () => new Response(null, { status: 502 })));
    const reading = reader.principal(page(GOOD));
    await expect(reading).rejects.toThrow("https://example.com/auth/jwks.json cannot be read (status 502)");
    await expect(reading).rejects.toMatchObject({ code: "unavailable" });
    clock.mockRestore();
  });

  it("survive two lost answers", async () => {
    const gate = new Gate();
    gate.instead.push(new TypeError("fetch failed"), new Response("<html>"));
    expect(await gate.reader().principal(page(GOOD))).not.toBeNull();
  });

  it.each([
    ["a redirect", new Response(null, { status: 302, headers: { location: "/elsewhere" } })],
    ["no list", Response.json({ keys: {} })],
    ["a private key", Response.json({ keys: [{ ...jwks.keys[0], d: "AAAA" }] })],
    ["an algorithm of no gate", Response.json({ keys: [{ ...jwks.keys[0], alg: "RS256", kty: "RSA" }] })],
    ["a curve that does not fit", Response.json({ keys: [{ ...jwks.keys[1], crv: "P-384" }] })],
    [
      "a key of small order",
      Response.json({ keys: [{ ...jwks.keys[0], x: "JuiVj8KyJ7BFw_SJ8u-Y8NXfrAXTxjM5sTgCiG1T_IU" }] }),
    ],
    ["too much", new Response(" ".repeat(70_000))],
  ])("are not read from %s", async (_, answer) => {
    const gate = new Gate();
    gate.instead.push(answer.clone(), answer.clone(), answer.clone());
    await expect(gate.reader().principal(page(GOOD))).rejects.toBeInstanceOf(PageError);
  });

  it("of a gate that publishes none are no error of the visitor's", async () => {
    const gate = new Gate();
    gate.keys = [];
    await expect(gate.reader().principal(page(GOOD))).rejects.toThrow("ALGORITHM=HS256 has none: set checkURL");
  });

  it("are not asked for where nobody has a page cookie", async () => {
    const gate = new Gate();
    await gate.reader().read(request(STATE));
    expect(gate.asked).toEqual([]);
  });
});

describe("a check by the API", () => {
  const checkURL = "http://127.0.0.1:8000/api/me";
  const answers = (...statuses: number[]) => statuses.map((status) => new Response(null, { status }));

  it("believes it, whatever the signature", async () => {
    const gate = new Gate();
    gate.instead.push(...answers(200));
    const found = await gate.reader({ checkURL }).principal(request(`${PAGE}=${UNKNOWN}; ${STATE}`));
    expect([found?.accountId, gate.asked]).toEqual(["ann", [`/api/me Bearer ${UNKNOWN}`]]);
  });

  it("sees at once that the session has ended", async () => {
    const gate = new Gate();
    gate.instead.push(...answers(401));
    expect(await gate.reader({ checkURL }).read(request(`${PAGE}=${GOOD}; ${STATE}`))).toMatchObject({
      status: "resume",
    });
  });

  it("asks again after a lost answer, and says so after three", async () => {
    const gate = new Gate();
    gate.instead.push(new TypeError("fetch failed"), ...answers(502, 200));
    expect(await gate.reader({ checkURL }).principal(request(`${PAGE}=${GOOD}; ${STATE}`))).not.toBeNull();
    gate.instead.push(...answers(404, 404, 404));
    const reading = gate.reader({ checkURL }).principal(request(`${PAGE}=${GOOD}; ${STATE}`));
    await expect(reading).rejects.toThrow("/api/me answered 404. Is checkURL a GET route with page_principal?");
  });
});

describe("the options", () => {
  it.each(["/auth", "example.com/auth", "ftp://example.com"])("must have a whole address: %s", (baseURL) => {
    expect(() => createPageReader({ baseURL })).toThrow("baseURL must be a whole address, such as");
  });
});
