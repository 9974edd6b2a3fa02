/** * What users of Axios rely on in interceptors (its own interceptors tests state most of it), for both clients. The one
 * difference: ours run in the order they were added and back in reverse; an Axios instance keeps Axios' order. */

import { describe, expect, expectTypeOf, it } from "vitest";
import { isGatepassError } from "../../src/errors.js";
import { type Client, type ClientRequest, type ClientResponse, createClient } from "../../src/fetch.js";
import { BASE, fetchWorld, overFetch } from "../fake/clients.js";
import { settled, useFakeClock } from "../fake/clock.js";
import { failed, later } from "../fake/later.js";
import { problem } from "../fake/server.js";

useFakeClock();

describe("request interceptors of createClient", () => {
  it("add a header, and need not return the request", async () => {
    const { client, sent } = await fetchWorld();
    client.interceptors.request.use(({ headers }) => headers.set("X-Tenant", "7"));
    await settled(client.get("/x"));
    expect(sent[0]!.headers.get("X-Tenant")).toBe("7");
    expect(sent[0]!.headers.get("Authorization")).toMatch(/^Bearer /);
  });

  it("return another request: address, method, body, query", async () => {
    const { client, sent } = await fetchWorld();
    client.interceptors.request.use((request) => ({
      ...request,
      url: `/v2${request.url}`,
      method: "POST",
      body: { a: 1 },
      query: { page: 2 },
    }));
    await settled(client.get("/x"));
    expect(sent[0]).toMatchObject({ url: `${BASE}/v2/x?page=2`, method: "POST", body: '{"a":1}' });
  });

  it("are waited for where they return a promise", async () => {
    const { client, sent } = await fetchWorld();
    client.interceptors.request.use(async (request) => {
      request.headers.set("X-Late", await later("1"));
      return request;
    });
    await settled(client.get("/x"));
    expect(sent[0]!.headers.get("X-Late")).toBe("1");
  });

  it("see what those before them made of it, `when` too", async () => {
    const { client, sent } = await fetchWorld();
    client.interceptors.request.use((request) => ({ ...request, url: "/public" }));
    client.interceptors.request.use(({ headers }) => headers.set("X-Skipped", "1"), {
      when: ({ url }) => url !== "/public",
    });
    client.interceptors.request.use(({ headers, url }) => headers.set("X-Url", url));
    await settled(client.get("/x"));
    expect([sent[0]!.headers.get("X-Skipped"), sent[0]!.headers.get("X-Url")]).toEqual([null, "/public"]);
  });

  it("stop the request by throwing: nothing is sent, later ones do not run, error interceptors see it", async () => {
    const { client, sent, server } = await fetchWorld();
    const seen: unknown[] = [];
    client.interceptors.request.use(() => {
      throw new Error("mine");
    });
    client.interceptors.request.use(() => void seen.push("never"));
    client.interceptors.response.use(null, (error) => void seen.push((error as Error).message));
    const before = server.requests.length;
    expect(await failed(client.get("/x"))).toMatchObject({ message: "mine" });
    expect([sent.length, server.requests.length - before, seen]).toEqual([0, 0, ["mine"]]);
  });

  it("that are ejected while a request is under way are gone from the next one on", async () => {
    const { client, sent } = await fetchWorld();
    const handle = client.interceptors.request.use(async ({ headers }) => headers.set("X-Mine", await later("1")));
    const first = client.get("/x");
    handle.eject();
    handle.eject();
    await settled(first);
    await settled(client.get("/x"));
    expect(sent.map(({ headers }) => headers.get("X-Mine"))).toEqual(["1", null]);
  });

  it("that are added while a request is under way begin with the next one", async () => {
    const { client, sent } = await fetchWorld();
    client.interceptors.request.use(({ headers }) => {
      client.interceptors.request.use((request) => request.headers.set("X-Mine", `${headers.get("X-Mine") ?? ""}1`));
    });
    await settled(client.get("/x"));
    await settled(client.get("/x"));
    expect(sent.map(({ headers }) => headers.get("X-Mine"))).toEqual([null, "1"]);
  });

  it("belong to one client alone", async () => {
    const { client, session, profile } = await fetchWorld();
    client.interceptors.request.use(() => {
      throw new Error("mine");
    });
    expect((await settled(overFetch(session, profile).send("GET", "/x"))).status).toBe(200);
  });
});

describe("response interceptors of createClient", () => {
  it("return another response, at once or later", async () => {
    const { client } = await fetchWorld();
    client.interceptors.response.use((response) => later({ ...response, data: `${response.data} 2` }));
    client.interceptors.response.use((response) => ({ ...response, data: "1" }));
    expect((await settled(client.get("/x"))).data).toBe("1 2");
  });

  it("need not return the response", async () => {
    const { client } = await fetchWorld();
    const seen: number[] = [];
    client.interceptors.response.use(({ status }) => void seen.push(status));
    expect((await settled(client.get("/x"))).status).toBe(200);
    expect(seen).toEqual([200]);
  });

  it("fail the request by throwing; those outside see that error", async () => {
    const { client } = await fetchWorld();
    const seen: unknown[] = [];
    client.interceptors.response.use(null, (error) => void seen.push(error));
    const mine = new Error("mine");
    client.interceptors.response.use(() => Promise.reject(mine));
    expect(await failed(client.get("/x"))).toBe(mine);
    expect(seen).toEqual([mine]);
  });

  it("do not swallow an error that they only looked at", async () => {
    const { client, server } = await fetchWorld();
    client.interceptors.response.use(null, () => undefined);
    server.answers.push(() => problem(404, "gone"));
    expect(await failed(client.get("/x"))).toMatchObject({ kind: "http", status: 404 });
  });

  it("mend an error: those outside see a response, and no error any more", async () => {
    const { client, server } = await fetchWorld();
    const seen: string[] = [];
    client.interceptors.response.use(
      ({ data }) => void seen.push(`response ${data}`),
      () => void seen.push("error"),
    );
    client.interceptors.response.use(null, (error, request) => {
      if (!isGatepassError(error) || error.kind !== "http" || error.status !== 404) throw error;
      return { data: "fallback", status: 404, headers: new Headers(), response: new Response(), request };
    });
    server.answers.push(() => problem(404, "gone"));
    expect((await settled(client.get("/x"))).data).toBe("fallback");
    expect(seen).toEqual(["response fallback"]);
  });

  it("send the request again with something changed", async () => {
    const { client, server, sent } = await fetchWorld();
    client.interceptors.response.use(null, (error, { url, headers, ...rest }) => {
      if (headers.has("X-Consent")) throw error;
      return client.request(url, { ...rest, headers: { "X-Consent": "1" } });
    });
    server.answers.push(() => problem(451, "consent-needed"));
    expect((await settled(client.put("/x", { a: 1 }))).status).toBe(200);
    expect(sent[1]).toMatchObject({ method: "PUT", body: '{"a":1}' });
  });

  it("pass by what `when` does not want", async () => {
    const { client } = await fetchWorld();
    client.interceptors.response.use((response) => ({ ...response, data: "changed" }), null, {
      when: ({ method }) => method === "POST",
    });
    expect((await settled(client.get("/x"))).data).not.toBe("changed");
    expect((await settled(client.post("/x"))).data).toBe("changed");
  });

  it("are typed", () => {
    type Use = Parameters<Client["interceptors"]["request"]["use"]>[0];
    expectTypeOf<Parameters<Use>>().toEqualTypeOf<[ClientRequest]>();
    expectTypeOf<(response: ClientResponse) => string>().not.toExtend<
      Parameters<Client["interceptors"]["response"]["use"]>[0]
    >();
  });
});

describe("what createClient is given for all requests", () => {
  it("holds unless a request says otherwise: headers one by one", async () => {
    const { session, profile } = await fetchWorld();
    const inits: RequestInit[] = [];
    const client = createClient({
      baseURL: BASE,
      session,
      headers: { "X-App": "1", "X-Lang": "en" },
      credentials: "include",
      fetch: (input, init) => {
        inits.push(init!);
        return profile.send(String(input), init);
      },
    });
    await settled(client.get("/x", { headers: { "x-lang": "de" } }));
    await settled(client.get("/x", { credentials: "omit" }));
    const [first, second] = inits;
    expect(Object.fromEntries(first!.headers as Headers)).toMatchObject({ "x-app": "1", "x-lang": "de" });
    expect([first!.credentials, second!.credentials]).toEqual(["include", "omit"]);
    expect((second!.headers as Headers).get("X-Lang")).toBe("en");
  });

  it("is no secret to fetch: neither session nor layers get there", async () => {
    const { session } = await fetchWorld();
    let given: object = {};
    const fetch = async (_input: unknown, init?: RequestInit) => {
      given = init!;
      return new Response("{}");
    };
    await settled(createClient({ baseURL: BASE, session, layers: [], fetch }).get("/x"));
    expect(Object.keys(given)).not.toEqual(expect.arrayContaining(["session"]));
    expect(given).not.toHaveProperty("layers");
  });
});
