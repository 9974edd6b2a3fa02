import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";

import { attachAxios } from "../../src/axios.js";
import { createLoading } from "../../src/loading.js";
import { retry } from "../../src/retry.js";
import { CLIENTS, worldOf } from "../fake/clients.js";
import { pass, settled, useFakeClock } from "../fake/clock.js";
import { problem } from "../fake/server.js";

useFakeClock();

/** Work that ends when told to. */
function work() {
  let [end, fail] = [() => {}, () => {}];
  const promise = new Promise<void>((resolve, reject) => {
    [end, fail] = [resolve, () => reject(new Error("failed"))];
  });
  return { promise, end, fail };
}

const ms = (time: number) => vi.advanceTimersByTimeAsync(time);

describe("what is shown", () => {
  it("is nothing for quick work", async () => {
    const loading = createLoading();
    const seen: boolean[] = [];
    loading.subscribe(() => seen.push(loading.getSnapshot().isVisible));
    const { promise, end } = work();
    loading.track(promise);
    await ms(199);
    end();
    await ms(1_000);
    expect(seen).not.toContain(true);
  });

  it("appears after `delay` and stays for `min` at least", async () => {
    const loading = createLoading({ delay: 100, min: 300 });
    const { promise, end } = work();
    loading.track(promise);
    await ms(100);
    expect(loading.getSnapshot()).toEqual({ count: 1, isVisible: true });
    end();
    await ms(299);
    expect(loading.getSnapshot()).toEqual({ count: 0, isVisible: true });
    await ms(1);
    expect(loading.getSnapshot()).toEqual({ count: 0, isVisible: false });
  });

  it("goes at once with the last work where it has been there long enough", async () => {
    const loading = createLoading();
    const { promise, end } = work();
    loading.track(promise);
    await ms(5_000);
    end();
    await ms(0);
    expect(loading.getSnapshot().isVisible).toBe(false);
  });

  it("does not flicker over a gap between two pieces of work", async () => {
    const loading = createLoading({ delay: 100, min: 300 });
    const [first, second] = [work(), work()];
    const seen: boolean[] = [];
    loading.subscribe(() => seen.push(loading.getSnapshot().isVisible));
    loading.track(first.promise);
    await ms(150);
    first.end();
    await ms(200);
    loading.track(second.promise);
    await ms(10_000);
    second.end();
    await ms(1_000);
    expect(seen.filter((isVisible, index) => isVisible !== seen[index - 1])).toEqual([false, true, false]);
  });

  it("does not appear for much quick work in a row with gaps", async () => {
    const loading = createLoading();
    for (let count = 0; count < 20; count++) {
      const { promise, end } = work();
      loading.track(promise);
      await ms(150);
      end();
      await ms(1);
      expect(loading.getSnapshot().isVisible).toBe(false);
    }
  });

  it("is the same object until something changes", async () => {
    const loading = createLoading();
    const before = loading.getSnapshot();
    expect(loading.getSnapshot()).toBe(before);
    loading.track(work().promise);
    expect(loading.getSnapshot()).not.toBe(before);
    expect(loading.getSnapshot()).toBe(loading.getSnapshot());
  });

  it("is told no longer to who has left", async () => {
    const loading = createLoading();
    const heard = vi.fn();
    loading.subscribe(heard)();
    loading.track(work().promise);
    await ms(500);
    expect(heard).not.toHaveBeenCalled();
  });
});

describe("scopes", () => {
  it("count what names them; without a name everything counts", async () => {
    const loading = createLoading();
    const [page, cart] = [loading.scope("page"), loading.scope("cart")];
    const { promise, end } = work();
    loading.track(promise, { scope: "page" });
    const counts = () => [loading, page, cart, loading.scope()].map((view) => view.getSnapshot().count);
    expect(counts()).toEqual([1, 1, 0, 1]);
    end();
    await ms(0);
    expect(counts()).toEqual([0, 0, 0, 0]);
  });

  it("are the same object for the same arguments, so that a component can ask in each render", () => {
    const loading = createLoading();
    expect(loading.scope("page", { delay: 50 })).toBe(loading.scope("page", { delay: 50 }));
    expect(loading.scope("page", { delay: 60 })).not.toBe(loading.scope("page", { delay: 50 }));
  });

  it("made while something is under way know of it", async () => {
    const loading = createLoading();
    loading.track(work().promise, { scope: "page" });
    const view = loading.scope("page", { delay: 50 });
    await ms(50);
    expect(view.getSnapshot()).toEqual({ count: 1, isVisible: true });
  });
});

describe.each(CLIENTS)("requests through %s", (_name, over) => {
  const worldWith = async () => {
    const loading = createLoading();
    const world = await worldOf(over, [loading.layer, retry()]);
    return { ...world, loading };
  };

  it("count once, through retries, the refresh and the replay", async () => {
    const { send, server, loading } = await worldWith();
    await pass(6);
    server.answers = [
      () => problem(503, "later"),
      () => {
        server.refuseTokens();
        return undefined;
      },
    ];
    const counts = new Set<number>();
    loading.subscribe(() => counts.add(loading.getSnapshot().count));
    await settled(send("GET", "/x"));
    await ms(1_000);
    expect([[...counts], loading.getSnapshot()]).toEqual([[1, 0], { count: 0, isVisible: false }]);
  });

  it("count in the scope that they name, or nowhere", async () => {
    const { send, loading } = await worldWith();
    const page = loading.scope("page");
    const named = send("GET", "/x", { loading: "page" });
    const silent = send("GET", "/x", { loading: false });
    await ms(0);
    expect([page.getSnapshot().count, loading.getSnapshot().count]).toEqual([1, 1]);
    await settled(Promise.all([named, silent]));
  });

  it.each([
    ["an error", (abort: AbortController) => void abort],
    ["an abort", (abort: AbortController) => abort.abort()],
  ])("stop counting with %s", async (_what, act) => {
    const { send, server, loading } = await worldWith();
    server.answers = [() => problem(404, "nowhere")];
    const abort = new AbortController();
    const gone = send("GET", "/x", { signal: abort.signal }).catch(() => null);
    await ms(0);
    expect(loading.getSnapshot().count).toBe(1);
    act(abort);
    await settled(gone);
    expect(loading.getSnapshot().count).toBe(0);
  });

  it("a thousand at once come to nought again", async () => {
    const { send, loading } = await worldWith();
    const all = Array.from({ length: 1_000 }, (_, index) => send("GET", "/x", { loading: `${index % 7}` }));
    await settled(Promise.all(all));
    await ms(1_000);
    expect(loading.getSnapshot()).toEqual({ count: 0, isVisible: false });
  });
});

it("an instance that is detached meanwhile leaves nothing behind", async () => {
  const loading = createLoading();
  const { client, session, send } = await worldOf(CLIENTS[1][1]);
  const detach = attachAxios(client as never, { session, layers: [loading.layer] });
  const answer = send("GET", "/x");
  await ms(0);
  expect(loading.getSnapshot().count).toBe(1);
  detach();
  await settled(answer.catch(() => null));
  expect(loading.getSnapshot().count).toBe(0);
});

describe("a page that is left", () => {
  const window = new EventTarget();
  const happen = (type: string, persisted = false) =>
    window.dispatchEvent(Object.assign(new Event(type), { persisted }));

  beforeEach(() => {
    vi.stubGlobal("addEventListener", window.addEventListener.bind(window));
  });
  afterEach(() => vi.unstubAllGlobals());

  it.each([
    ["is put away", "pagehide", true],
    ["comes back from the back/forward cache", "pageshow", true],
  ])("shows nothing when it %s, and never hears of its old requests again", async (_what, type, persisted) => {
    const loading = createLoading();
    const [old, next] = [work(), work()];
    loading.track(old.promise, { scope: "page" });
    await ms(500);
    happen(type, persisted);
    expect([loading.getSnapshot(), loading.scope("page").getSnapshot().count]).toEqual([
      { count: 0, isVisible: false },
      0,
    ]);
    loading.track(next.promise, { scope: "page" });
    old.end();
    await ms(0);
    expect([loading.getSnapshot().count, loading.scope("page").getSnapshot().count]).toEqual([1, 1]);
  });

  it("goes on to count when it is shown for the first time", async () => {
    const loading = createLoading();
    loading.track(work().promise);
    happen("pageshow", false);
    expect(loading.getSnapshot().count).toBe(1);
  });
});

it("work that fails ends like any other, and its promise is the one that was given", async () => {
  const loading = createLoading();
  const { promise, fail } = work();
  expect(loading.track(promise)).toBe(promise);
  fail();
  await promise.catch(() => null);
  expect(loading.getSnapshot().count).toBe(0);
});
