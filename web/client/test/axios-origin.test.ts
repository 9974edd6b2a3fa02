/** Where an Axios instance without a `baseURL` sends the token. */

import axios, { AxiosHeaders, type InternalAxiosRequestConfig } from "axios";
import { afterEach, expect, it, vi } from "vitest";

import { attachAxios } from "../src/axios.js";
import { settled, useFakeClock } from "./fake/clock.js";
import { loadPage } from "./fake/page.js";
import { signedIn } from "./fake/world.js";

useFakeClock();
afterEach(() => vi.unstubAllGlobals());

async function world() {
  const { session } = await signedIn();
  const sent: InternalAxiosRequestConfig[] = [];
  const adapter = async (config: InternalAxiosRequestConfig) => {
    sent.push(config);
    return { data: {}, status: 200, statusText: "", headers: {}, config };
  };
  const instance = axios.create({ adapter });
  attachAxios(instance, { session });
  const tokens = () => sent.map((config) => AxiosHeaders.from(config.headers).has("Authorization"));
  return { instance, tokens };
}

it("to the origin of the session, as createClient and createFetch do, also where no page is", async () => {
  const { instance, tokens } = await world();
  await settled(instance.get("http://localhost:8000/notes"));
  await settled(instance.get("http://evil.example/notes"));
  expect(tokens()).toEqual([true, false]);
});

it("and to no other origin from a page of another one", async () => {
  loadPage("http://app.example/notes");
  const { instance, tokens } = await world();
  await settled(instance.get("/notes"));
  await settled(instance.get("http://localhost:8000/notes"));
  expect(tokens()).toEqual([false, true]);
});
