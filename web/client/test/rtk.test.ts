import { configureStore } from "@reduxjs/toolkit";
import { createApi } from "@reduxjs/toolkit/query";
import { describe, expect, it } from "vitest";

import type { Layer } from "../src/request/layer.js";
import { retry } from "../src/retry.js";
import { baseQuery, resetOnChange } from "../src/rtk.js";
import { fetchWorld } from "./fake/clients.js";
import { pass, settled, useFakeClock } from "./fake/clock.js";
import { BOB, calls } from "./fake/world.js";

useFakeClock();

/** A store with an API over a client of Ann's. */
async function world(layers: readonly Layer[] = []) {
  const made = await fetchWorld(layers);
  const { client } = made;
  const api = createApi({
    baseQuery: baseQuery(client),
    endpoints: (build) => ({
      note: build.query<{ email: string }, string>({ query: (id) => `/notes/${id}` }),
      add: build.mutation<{ echo: unknown }, string>({
        query: (text) => ({ url: "/notes", method: "POST", body: { text } }),
      }),
    }),
  });
  // Strict: it refuses what cannot be serialised.
  const store = configureStore({
    reducer: { [api.reducerPath]: api.reducer },
    middleware: (standard) =>
      standard({ serializableCheck: { warnAfter: 1e6 }, immutableCheck: false }).concat(api.middleware),
  });
  return { ...made, api, store };
}

describe("baseQuery", () => {
  it("fetches and changes through the client", async () => {
    const { api, store } = await world();
    const got = await settled(
      store.dispatch(api.endpoints.note.initiate("7")) as unknown as Promise<{ data: unknown }>,
    );
    expect(got.data).toMatchObject({ email: "ann@example.com" });
    const added = await settled(
      store.dispatch(api.endpoints.add.initiate("hello")) as unknown as Promise<{ data: unknown }>,
    );
    expect(added.data).toMatchObject({ method: "POST", echo: { text: "hello" } });
  });

  it("turns a failure into plain facts, without the address and what was typed", async () => {
    const { api, store, server } = await world([retry({ attempts: 2 })]);
    const answer = {
      status: 503,
      body: { code: "overloaded", detail: "Later.", typed: "hunter2" },
      headers: { "Content-Type": "application/problem+json", "Retry-After": "1" },
    };
    server.answers = [() => answer, () => answer];
    const got = await settled(
      store.dispatch(api.endpoints.note.initiate("7?secret=1")) as unknown as Promise<{ error: unknown }>,
    );
    expect(got.error).toEqual({
      kind: "http",
      status: 503,
      code: "overloaded",
      detail: "Later.",
      retryAfterMs: 1000,
      attempts: 2,
    });
    expect(JSON.stringify(store.getState())).not.toMatch(/hunter2|token-\d/);
  });

  it("aborts the request of a query that nobody waits for", async () => {
    const { api, store, server } = await world();
    const query = store.dispatch(api.endpoints.note.initiate("7"));
    query.abort();
    await pass(1);
    expect(calls(server, "/api/notes/7")).toBe(0);
  });
});

describe("resetOnChange", () => {
  it("forgets what Ann has fetched when Bob signs in, and not when her session is renewed", async () => {
    const { api, store, session } = await world();
    const stop = resetOnChange(session, () => store.dispatch(api.util.resetApiState()));
    const select = api.endpoints.note.select("7");
    await settled(store.dispatch(api.endpoints.note.initiate("7")) as unknown as Promise<unknown>);
    await settled(session.refresh());
    await pass(1);
    expect(select(store.getState()).data).toMatchObject({ email: "ann@example.com" });
    await settled(session.signIn(BOB));
    await pass(1);
    expect(select(store.getState()).data).toBeUndefined();
    stop();
  });
});
