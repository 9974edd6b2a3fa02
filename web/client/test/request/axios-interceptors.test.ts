/** Interceptors of Axios beside ours, and several instances on one session. */

import axios, { type InternalAxiosRequestConfig } from "axios";
import { describe, expect, it } from "vitest";
import { attachAxios } from "../../src/axios.js";
import { GatepassError } from "../../src/errors.js";
import type { Layer } from "../../src/request/layer.js";
import { BASE, fetchWorld, overAxios, worldOf } from "../fake/clients.js";
import { pass, settled, useFakeClock } from "../fake/clock.js";
import { failed, later } from "../fake/later.js";
import { problem } from "../fake/server.js";
import { calls } from "../fake/world.js";

useFakeClock();

async function axiosWorld(layers: readonly Layer[] = []) {
  const world = await worldOf(overAxios, layers);
  return { ...world, client: world.client as ReturnType<typeof axios.create> };
}

describe("interceptors of an attached Axios instance", () => {
  it("add headers, beside the token", async () => {
    const { client, sent } = await axiosWorld();
    client.interceptors.request.use((config) => {
      config.headers.set("X-Tenant", "7");
      return config;
    });
    await settled(client.get("/x"));
    expect(sent[0]!.headers.get("X-Tenant")).toBe("7");
    expect(sent[0]!.headers.get("Authorization")).toMatch(/^Bearer /);
  });

  it("rewrite the address, in time for the decision who gets the token", async () => {
    const { client, sent } = await axiosWorld();
    client.interceptors.request.use(async (config) => later({ ...config, url: "https://other.example/x" }));
    await failed(client.get("/x"));
    expect([sent[0]!.url, sent[0]!.headers.get("Authorization")]).toEqual(["https://other.example/x", null]);
  });

  it("return a whole new configuration and still go through the session", async () => {
    const { client, sent } = await axiosWorld();
    client.interceptors.request.use((): InternalAxiosRequestConfig => {
      const { adapter, baseURL } = client.defaults;
      return { url: "/y", method: "post", baseURL: baseURL!, adapter: adapter!, headers: new axios.AxiosHeaders() };
    });
    await settled(client.get("/x"));
    expect(sent[0]).toMatchObject({ url: `${BASE}/y`, method: "POST" });
    expect(sent[0]!.headers.get("Authorization")).toMatch(/^Bearer /);
  });

  it("keep Axios' order: requests backwards, responses forwards, each once however often it is sent", async () => {
    const { client, server } = await axiosWorld();
    const log: string[] = [];
    for (const name of ["a", "b"]) {
      client.interceptors.request.use((config) => {
        log.push(`${name} out`);
        return config;
      });
      client.interceptors.response.use((response) => {
        log.push(`${name} back`);
        return response;
      });
    }
    await pass(6);
    server.refuseTokens();
    await settled(client.get("/x"));
    expect(log).toEqual(["b out", "a out", "a back", "b back"]);
  });

  it("stop the request by throwing, with `runWhen` for some alone", async () => {
    const { client, sent } = await axiosWorld();
    client.interceptors.request.use(
      () => {
        throw new Error("mine");
      },
      null,
      { runWhen: ({ method }) => method === "post" },
    );
    await expect(settled(client.post("/x"))).rejects.toThrow("mine");
    expect(sent).toHaveLength(0);
    expect((await settled(client.get("/x"))).status).toBe(200);
  });

  it("mend errors, ours too", async () => {
    const { client, server, sid } = await axiosWorld();
    client.interceptors.response.use(null, (error) =>
      error instanceof GatepassError && error.kind === "session-ended" ? { data: "signed out" } : Promise.reject(error),
    );
    await pass(6);
    server.revoke(sid, "revoked");
    expect((await settled(client.get("/x"))).data).toBe("signed out");
  });

  it("are gone when ejected, and the session stays", async () => {
    const { client, sent } = await axiosWorld();
    const id = client.interceptors.response.use((response) => ({ ...response, data: "changed" }));
    client.interceptors.response.eject(id);
    expect((await settled(client.get("/x"))).data).not.toBe("changed");
    expect(sent[0]!.headers.has("Authorization")).toBe(true);
  });

  it("may send a failed request's configuration again: layers are around each sending once", async () => {
    let runs = 0;
    const { client, server, sent } = await axiosWorld([
      (call, next) => {
        runs++;
        return next(call);
      },
    ]);
    client.interceptors.response.use(null, (error) => client(error.config));
    server.answers.push(() => problem(500, "once"));
    expect((await settled(client.post("/x", { a: 1 }))).data).toMatchObject({ echo: { a: 1 } });
    expect([runs, sent.length]).toEqual([2, 2]);
  });
});

describe("several Axios instances on one session", () => {
  it("need one refresh together, and each is detached alone", async () => {
    const { session, profile, server } = await fetchWorld();
    const [first, second] = [overAxios(session, profile), overAxios(session, profile)];
    const detach = attachAxios(second.client as never, { session });
    await pass(901);
    await settled(Promise.all([first.send("GET", "/x"), second.send("GET", "/y")]));
    expect(calls(server, "/auth/refresh")).toBe(1);
    detach();
    expect((await settled(first.send("GET", "/x"))).status).toBe(200);
  });

  it("send to their own origin alone: another's base is a stranger", async () => {
    const { session, profile } = await fetchWorld();
    const { client, sent } = overAxios(session, profile);
    await failed((client as ReturnType<typeof axios.create>).get("/x", { baseURL: "http://localhost:9000" }));
    expect(sent[0]!.headers.get("Authorization")).toBeNull();
  });

  it("are wrapped once, though attached twice", async () => {
    const { session, profile, server } = await fetchWorld();
    const { client, send, sent } = overAxios(session, profile);
    attachAxios(client as never, { session });
    const phases: string[] = [];
    session.on("request", ({ phase }) => phases.push(phase));
    await pass(6);
    server.refuseTokens();
    await settled(send("GET", "/x"));
    expect(sent).toHaveLength(2);
    expect(phases).toEqual(["start", "sent", "waiting", "replay", "end"]);
  });
});
