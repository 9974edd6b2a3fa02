/** Both clients with one face: what holds for layers and errors is stated once and tested twice. */

import axios, { type AxiosInstance, type AxiosRequestConfig } from "axios";

import { attachAxios } from "../../src/axios.js";
import { type Client, createClient } from "../../src/fetch.js";
import type { Layer } from "../../src/request/layer.js";
import type { Session } from "../../src/session/types.js";
import type { FakeProfile } from "./profile.js";
import { signedIn } from "./world.js";

export const BASE = "http://localhost:8000/api";

/** What went over the network. */
export interface Departure {
  readonly url: string;
  readonly method: string;
  readonly headers: Headers;
  readonly body: unknown;
}

/** What a test says to either client for one request. */
export interface Wish {
  readonly signal?: AbortSignal;
  readonly headers?: Record<string, string>;
  readonly timeout?: number;
  readonly [layer: string]: unknown;
}

export interface Subject {
  send(method: string, path: string, wish?: Wish, body?: unknown): Promise<{ status: number; data: unknown }>;
  readonly client: Client | AxiosInstance;
  readonly sent: Departure[];
}

/** A client over fetch on the network of `profile`. */
export function overFetch(session: Session, profile: FakeProfile, layers: readonly Layer[] = []): Subject {
  const sent: Departure[] = [];
  const fetch: typeof globalThis.fetch = (input, init = {}) => {
    sent.push({ url: `${input}`, method: init.method!, headers: new Headers(init.headers), body: init.body });
    return profile.send(`${input}`, init);
  };
  const client = createClient({ baseURL: BASE, session, fetch, layers });
  return { client, sent, send: (method, path, wish, body) => client.request(path, { ...wish, method, body }) };
}

/** An Axios instance on the same. */
export function overAxios(session: Session, profile: FakeProfile, layers: readonly Layer[] = []): Subject {
  const sent: Departure[] = [];
  const deliver = (input: Request | string, init: RequestInit = {}) => {
    sent.push({ url: `${input}`, method: init.method!, headers: new Headers(init.headers), body: init.body });
    return profile.send(`${input}`, init);
  };
  const adapter = axios.getAdapter("fetch", { env: { fetch: deliver, Request: null, Response } } as never);
  const client = axios.create({ baseURL: BASE, adapter });
  attachAxios(client, { session, layers });
  return {
    client,
    sent,
    send: (method, url, wish, data) => client.request({ ...wish, method, url, data } as AxiosRequestConfig),
  };
}

/** Ann, signed in, and a client of each kind in one tab. */
export const CLIENTS = [
  ["fetch", overFetch],
  ["Axios", overAxios],
] as const;

export async function worldOf(over: typeof overFetch, layers: readonly Layer[] = []) {
  const world = await signedIn();
  return { ...world, ...over(world.session, world.profile, layers) };
}

/** The same over fetch, with what only that client has. */
export async function fetchWorld(layers: readonly Layer[] = []) {
  const world = await worldOf(overFetch, layers);
  return { ...world, client: world.client as Client };
}
