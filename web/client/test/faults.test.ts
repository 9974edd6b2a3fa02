/** A bug in code of the application is itself, wherever it is called from: never a network that fails, never retried. */

import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

import axios from "axios";
import { describe, expect, it, vi } from "vitest";

import { attachAxios } from "../src/axios.js";
import { failureOf, GatepassError, onErrors } from "../src/errors.js";
import { type Client, type ClientSetup, createClient } from "../src/fetch.js";
import { createSession } from "../src/index.js";
import { retry } from "../src/retry.js";
import { fakeSession, faultServer } from "../src/testing.js";

const BUG = new TypeError("Cannot read properties of undefined (reading 'title')");
const bug = (): never => {
  throw BUG;
};
const answer = async () => Response.json({ title: "milk" });

function client(options: Partial<ClientSetup> = {}): Client {
  return createClient({ baseURL: "http://localhost/api", session: fakeSession(), fetch: answer, ...options });
}

describe("a bug", () => {
  it.each<[string, (heard: (error: unknown) => void) => Promise<unknown>]>([
    ["in a fetch of the application", () => client({ fetch: bug }).get("/x")],
    ["in a request interceptor", () => using(({ request }) => request.use(bug))],
    ["in a response interceptor", () => using(({ response }) => response.use(bug))],
    ["in an error interceptor", () => using(({ response }) => response.use(null, bug), { fetch: refuse })],
    ["in a layer", () => client({ layers: [bug] }).get("/x")],
    ["in a body", () => client().post("/x", { toJSON: bug })],
    ["in a fetch, under retries", () => client({ fetch: bug, layers: [retry()] }).get("/x")],
  ])("%s is what the caller gets", async (_, act) => {
    const error = await act(() => undefined).catch((error: unknown) => error);
    expect(error).toBe(BUG);
    expect(failureOf(error).kind).toBe("unknown");
  });

  it.each<[string, string, () => Promise<unknown>]>([
    [
      "a word that is no response type",
      "is not a function",
      () => client().get("/x", { responseType: "xml" as never }),
    ],
    ["a GET with a body", "cannot have", () => client({ fetch }).request("/x", { body: "text" } as never)],
    ["a method that is none", "is not a valid", () => client({ fetch }).request("/x", { method: "A B" })],
  ])("%s is told by what is wrong", async (_, words, act) => {
    await expect(act()).rejects.toThrow(words);
    await expect(act()).rejects.toMatchObject({ name: "TypeError" });
  });

  it("in a fetch is not sent again", async () => {
    const sent = vi.fn(bug);
    await expect(client({ fetch: sent, layers: [retry()] }).get("/x")).rejects.toBe(BUG);
    expect(sent).toHaveBeenCalledTimes(1);
  });

  it("is given to the handler of what is unknown, not of the network", async () => {
    const api = client({ fetch: bug });
    const heard = vi.fn();
    onErrors(api, { network: () => heard("network"), unknown: () => heard("unknown") });
    await api.get("/x").catch(() => null);
    expect(heard.mock.calls).toEqual([["unknown"]]);
  });

  it("in a fetch of the session is told by the sign-in, and ends no session", async () => {
    const { fetch } = faultServer();
    let isBroken = false;
    const session = createSession({
      baseURL: "http://localhost:8000/auth",
      fetch: (...given) => (isBroken ? bug() : fetch(...given)),
    });
    await session.signIn({ email: "ann@example.com", password: "right" });
    isBroken = true;
    expect((await session.refresh()).status).toBe("active");
    await expect(session.signIn({ email: "ann@example.com", password: "right" })).rejects.toBe(BUG);
  });

  it("in an answer of a test is told as it is", async () => {
    const { server, fetch } = faultServer();
    const session = createSession({ baseURL: "http://localhost:8000/auth", fetch });
    const failed = new Error("expected 'milk' to be 'bread'");
    server.answers = [
      () => {
        throw failed;
      },
    ];
    await expect(session.signIn({ email: "ann@example.com", password: "right" })).rejects.toBe(failed);
  });

  // Axios calls it from an event of Node's stream or of XMLHttpRequest: by itself the call would never settle.
  it.each(["http", "fetch"])("in a check of Axios is what the caller gets, over its adapter %s", async (adapter) => {
    const server = createServer((_, response) => response.end("{}")).listen(0, "127.0.0.1");
    await once(server, "listening");
    const baseURL = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const api = axios.create({ baseURL, adapter });
    attachAxios(api, { session: fakeSession() });
    await expect(api.get("/x", { validateStatus: bug })).rejects.toBe(BUG);
    await expect(api.get("/x", { validateStatus: () => false })).rejects.toMatchObject({ code: "ERR_BAD_RESPONSE" });
    expect((await api.get("/x")).config.validateStatus).toBe(axios.defaults.validateStatus);
    server.close();
  });
});

describe("a network that fails", () => {
  it.each([
    "Failed to fetch",
    "NetworkError when attempting to fetch resource.",
    "Load failed",
    "The network connection was lost.",
    "The Internet connection appears to be offline.",
    "Origin http://localhost is not allowed by Access-Control-Allow-Origin.",
    "A data connection is not currently allowed.",
    "Die Internetverbindung ist anscheinend offline.",
    "fetch failed",
    "terminated",
    "Network request failed",
    "network error",
  ])("is that in the words of each engine: %s", async (words) => {
    const fetch = () => Promise.reject(new TypeError(words));
    await expect(client({ fetch }).get("/x")).rejects.toMatchObject({ kind: "network" });
  });

  it.each([new Error("tunnel"), new DOMException("reset", "NetworkError"), "error sending request"])(
    "may be told by other things than a TypeError: %s",
    async (thrown) => {
      const fetch = () => Promise.reject(thrown);
      await expect(client({ fetch }).get("/x")).rejects.toBeInstanceOf(GatepassError);
    },
  );
});

function using(
  add: (interceptors: Client["interceptors"]) => unknown,
  options?: Partial<ClientSetup>,
): Promise<unknown> {
  const api = client(options);
  add(api.interceptors);
  return api.get("/x");
}

async function refuse(): Promise<Response> {
  throw new TypeError("Failed to fetch");
}
