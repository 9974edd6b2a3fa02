// @vitest-environment happy-dom

import { QueryClient, QueryClientProvider, useQuery } from "@tanstack/react-query";
import { act, cleanup, render, screen } from "@testing-library/react";
import { afterEach, describe, expect, it } from "vitest";

import type { Layer } from "../src/request/layer.js";
import { budgetFor } from "../src/request/retry-budget.js";
import { retry } from "../src/retry.js";
import { clearOnChange, queryDefaults } from "../src/tanstack.js";
import { fetchWorld } from "./fake/clients.js";
import { pass, settled, useFakeClock } from "./fake/clock.js";
import { BOB, calls } from "./fake/world.js";

useFakeClock();
Object.assign(globalThis, { IS_REACT_ACT_ENVIRONMENT: true });
afterEach(cleanup);

/** Ann, a client with these layers, and a QueryClient with our defaults. */
async function world(layers: readonly Layer[] = []) {
  const made = await fetchWorld(layers);
  const { client } = made;
  const queries = new QueryClient({ defaultOptions: queryDefaults() });
  const get = (path: string) =>
    queries.fetchQuery({ queryKey: [path], queryFn: async ({ signal }) => (await client.get(path, { signal })).data });
  return { ...made, queries, get };
}

const broken = () => ({ status: 503 });

describe("retries", () => {
  it("are TanStack's where the client has no retry layer, by our rules", async () => {
    const { get, server } = await world();
    server.answers = [broken, broken];
    expect(await settled(get("/notes"))).toMatchObject({ email: "ann@example.com" });
    expect(calls(server, "/api/notes")).toBe(3);
  });

  it("are the layer's alone where it has one", async () => {
    const { get, server } = await world([retry({ attempts: 2 })]);
    server.answers = Array.from({ length: 9 }, () => broken);
    await expect(settled(get("/notes"))).rejects.toMatchObject({ status: 503, attempts: 2 });
    expect(calls(server, "/api/notes")).toBe(2);
  });

  it("never follow an answer that will not change", async () => {
    const { get, server } = await world();
    server.answers = [() => ({ status: 404 })];
    await expect(settled(get("/notes"))).rejects.toMatchObject({ status: 404 });
    expect(calls(server, "/api/notes")).toBe(1);
  });

  it("never follow the end of the session", async () => {
    const { get, server, sid } = await world();
    await pass(10);
    server.revoke(sid, "revoked");
    await expect(settled(get("/notes"))).rejects.toMatchObject({ kind: "session-ended" });
    expect(calls(server, "/api/notes")).toBe(1);
  });

  it("come out of the one budget of the page", async () => {
    const { get, server } = await world();
    const budget = budgetFor("http://localhost:8000");
    while (budget.spend());
    server.answers = [broken];
    await expect(settled(get("/notes"))).rejects.toMatchObject({ status: 503 });
    expect(calls(server, "/api/notes")).toBe(1);
    for (let times = 0; times < 200; times++) budget.fill();
  });
});

describe("clearOnChange", () => {
  it("shows nobody what somebody else has fetched", async () => {
    const { client, queries, session } = await world();
    const stop = clearOnChange(session, queries);
    const Mail = () => {
      const { data } = useQuery({
        queryKey: ["me"],
        queryFn: async () => (await client.get<{ email: string }>("/me")).data,
      });
      return <p>{data?.email ?? "nothing"}</p>;
    };
    render(
      <QueryClientProvider client={queries}>
        <Mail />
      </QueryClientProvider>,
    );
    await act(() => pass(1));
    expect(screen.getByText("ann@example.com")).toBeTruthy();

    const seen: (string | null)[] = [];
    const watch = new MutationObserver(() => seen.push(document.querySelector("p")!.textContent));
    watch.observe(document.body, { subtree: true, childList: true, characterData: true });
    await act(async () => {
      await settled(session.signIn(BOB));
      await pass(1);
    });
    expect(screen.getByText("bob@example.com")).toBeTruthy();
    expect(seen.at(-1)).toBe("bob@example.com");
    expect(seen).not.toContain("ann@example.com");
    watch.disconnect();
    stop();
  });

  it("empties the cache when the session ends, and not when it is renewed", async () => {
    const { get, queries, session } = await world();
    const stop = clearOnChange(session, queries);
    await settled(get("/notes"));
    await settled(session.refresh());
    await pass(1);
    expect(queries.getQueryData(["/notes"])).toBeTruthy();
    await settled(session.signOut());
    await pass(1);
    expect(queries.getQueryCache().getAll()).toEqual([]);
    stop();
  });

  it("stops when told to", async () => {
    const { get, queries, session } = await world();
    clearOnChange(session, queries)();
    await settled(get("/notes"));
    await settled(session.signOut());
    await pass(1);
    expect(queries.getQueryData(["/notes"])).toBeTruthy();
  });
});
