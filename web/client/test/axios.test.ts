import axios, { AxiosHeaders, type InternalAxiosRequestConfig, isAxiosError, isCancel } from "axios";
import { describe, expect, it } from "vitest";

import { attachAxios } from "../src/axios.js";
import type { RequestEvent } from "../src/session/types.js";
import { pass, settled, useFakeClock } from "./fake/clock.js";
import { problem } from "./fake/server.js";
import { calls, signedIn } from "./fake/world.js";

useFakeClock();

async function world() {
  const made = await signedIn();
  const sent: InternalAxiosRequestConfig[] = [];
  const overFake = axios.getAdapter("fetch", {
    env: { fetch: (request: Request | string, init?: RequestInit) => deliver(request, init), Request: null, Response },
  } as never);
  async function deliver(request: Request | string, init?: RequestInit): Promise<Response> {
    return made.profile.send(typeof request === "string" ? request : request.url, init);
  }
  const adapter = (config: InternalAxiosRequestConfig) => {
    sent.push(config);
    return overFake(config);
  };
  const instance = axios.create({ baseURL: "http://localhost:8000/api", adapter });
  const detach = attachAxios(instance, { session: made.session });
  const tokens = () => sent.map((config) => AxiosHeaders.from(config.headers).get("Authorization"));
  return { ...made, instance, sent, tokens, detach };
}

describe("an attached instance", () => {
  it("sends the token to its own origin", async () => {
    const { instance, tokens } = await world();
    expect((await settled(instance.get("/x"))).data).toMatchObject({ email: "ann@example.com" });
    expect(tokens()).toEqual([expect.stringMatching(/^Bearer test\./)]);
  });

  it.each([
    { url: "https://evil.example/x" },
    { url: "//evil.example/x" },
    { url: "/x", baseURL: "https://evil.example" },
  ])("sends none elsewhere: %o", async (config) => {
    const { instance, tokens } = await world();
    await settled(instance.request(config).catch(() => null));
    expect(tokens()).toEqual([undefined]);
  });

  it("leaves an Authorization of the caller's alone", async () => {
    const { instance, tokens } = await world();
    await settled(instance.get("/x", { headers: { Authorization: "Basic abc" } }).catch(() => null));
    expect(tokens()).toEqual(["Basic abc"]);
  });

  it("refreshes once for 50 refused requests and replays each", async () => {
    const { instance, server } = await world();
    await pass(6);
    server.refuseTokens();
    const answers = await settled(Promise.all(Array.from({ length: 50 }, () => instance.get("/x"))));
    expect(answers.every(({ status }) => status === 200)).toBe(true);
    expect(calls(server, "/auth/refresh")).toBe(1);
  });

  it("replays the very same form, method and headers, and runs interceptors once", async () => {
    const { instance, server, sent } = await world();
    let runs = 0;
    instance.interceptors.request.use((config) => {
      runs++;
      config.headers.set("X-Mine", "1");
      return config;
    });
    await pass(6);
    server.refuseTokens();
    const form = new FormData();
    form.append("file", new Blob(["bytes"]), "a.txt");
    await settled(instance.put("/x", form, { params: { q: 1 } }));
    expect(runs).toBe(1);
    expect(sent).toHaveLength(2);
    for (const config of sent) {
      expect(config.data).toBe(form);
      expect(config).toMatchObject({ method: "put", params: { q: 1 } });
      expect(config.headers.get("X-Mine")).toBe("1");
    }
  });

  it("replays JSON serialised once", async () => {
    const { instance, server } = await world();
    await pass(6);
    server.refuseTokens();
    const { data } = await settled(instance.post("/x", { a: 1 }));
    expect(data.echo).toEqual({ a: 1 });
  });

  it("never sends an empty body for a stream", async () => {
    const { instance, server, sent } = await world();
    await pass(6);
    server.refuseTokens();
    const stream = new ReadableStream({ start: (controller) => controller.close() });
    await expect(
      settled(instance.post("/x", stream, { headers: { "Content-Type": "text/plain" } })),
    ).rejects.toMatchObject({ kind: "not-replayable" });
    expect(sent).toHaveLength(1);
  });

  it("refreshes too where 401 counts as success", async () => {
    const { instance, server } = await world();
    await pass(6);
    server.refuseTokens();
    expect((await settled(instance.get("/x", { validateStatus: null }))).status).toBe(200);
  });

  it("hands other errors on as Axios made them, without the token", async () => {
    const { instance, server } = await world();
    server.answers.push(() => problem(404, "not-found"));
    const error: unknown = await settled(instance.get("/x").catch((reason: unknown) => reason));
    expect(isAxiosError(error) && error.response?.data).toMatchObject({ code: "not-found" });
    expect(JSON.stringify([error, (error as { response: { config: unknown } }).response.config])).not.toMatch(
      /Bearer token/,
    );
  });

  it("keeps the token out of a good response's configuration", async () => {
    const { instance } = await world();
    const { config } = await settled(instance.get("/x"));
    expect(config.headers.has("Authorization")).toBe(false);
  });

  it("is cancelled in Axios' manner while it waits for a refresh, and the refresh goes on", async () => {
    const { instance, server, session } = await world();
    await pass(901);
    const giveUp = new AbortController();
    const failed = instance.get("/x", { signal: giveUp.signal }).catch((reason: unknown) => reason);
    await pass(0);
    giveUp.abort();
    expect(isCancel(await settled(failed))).toBe(true);
    await pass(1);
    expect(session.getSnapshot().generation).toBe(1);
    expect(calls(server, "/api/x")).toBe(0);
  });

  it("shares the session's one refresh with other instances", async () => {
    const { instance, session, server, profile } = await world();
    const other = axios.create({ baseURL: "http://localhost:8000/other", adapter: instance.defaults.adapter! });
    attachAxios(other, { session });
    await pass(901);
    await settled(Promise.all([instance.get("/x"), other.get("/y")]));
    expect(calls(server, "/auth/refresh")).toBe(1);
    expect(profile.tabs).toHaveLength(1);
  });

  it("tells the request's phases", async () => {
    const { instance, session, server } = await world();
    const events: RequestEvent[] = [];
    session.on("request", (event) => events.push(event));
    await pass(6);
    server.refuseTokens();
    await settled(instance.get("/x"));
    expect(events.map(({ phase }) => phase)).toEqual(["start", "sent", "waiting", "replay", "end"]);
  });

  it("goes through the fetch that it was given itself (`env`)", async () => {
    const { session, profile } = await world();
    const urls: string[] = [];
    const fetch = (input: string, init?: RequestInit) => {
      urls.push(input);
      return profile.send(input, init);
    };
    const env = { fetch, Request: null, Response } as never;
    const instance = axios.create({ baseURL: "http://localhost:8000/api", adapter: "fetch", env });
    attachAxios(instance, { session });
    expect((await settled(instance.get("/x"))).status).toBe(200);
    expect(urls).toEqual(["http://localhost:8000/api/x"]);
  });

  it("is its old self again when detached", async () => {
    const { instance, detach, tokens } = await world();
    detach();
    await settled(instance.get("/x").catch(() => null));
    expect(tokens()).toEqual([undefined]);
  });
});
