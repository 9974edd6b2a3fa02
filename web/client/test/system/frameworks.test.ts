// @vitest-environment happy-dom

/** Vue and Svelte need no binding: the examples of the documentation, at work. */

import { get, readable } from "svelte/store";
import { describe, expect, it } from "vitest";
import { createApp, h, nextTick, onScopeDispose, shallowRef } from "vue";

import type { Session } from "../../src/session/types.js";
import { fakeSession } from "../../src/testing.js";
import { pass, useFakeClock } from "../fake/clock.js";

useFakeClock();

/** As in docs/guides/browser-frameworks.md. */
function useVueSession(session: Session) {
  const snapshot = shallowRef(session.getSnapshot());
  onScopeDispose(
    session.subscribe(() => {
      snapshot.value = session.getSnapshot();
    }),
  );
  void session.start();
  return snapshot;
}

/** As in docs/guides/browser-frameworks.md. */
function svelteSession(session: Session) {
  return readable(session.getSnapshot(), (set) => {
    set(session.getSnapshot());
    void session.start();
    return session.subscribe(() => set(session.getSnapshot()));
  });
}

describe("Vue", () => {
  it("follows a session from twelve lines of its own, and lets go of it", async () => {
    const session = fakeSession();
    const app = createApp({
      setup() {
        const snapshot = useVueSession(session);
        return () => h("p", `${snapshot.value.status} ${snapshot.value.account?.email ?? "nobody"}`);
      },
    });
    const root = document.createElement("div");
    app.mount(root);
    expect(root.textContent).toBe("active ann@example.com");
    session.end();
    await pass(0);
    await nextTick();
    expect(root.textContent).toBe("ended nobody");
    app.unmount();
    session.set({ status: "active" });
    await pass(0);
    expect(root.textContent).toBe("");
  });
});

describe("Svelte", () => {
  it("follows a session as a store", async () => {
    const session = fakeSession({ status: "anonymous" });
    const store = svelteSession(session);
    const seen: string[] = [];
    const stop = store.subscribe(({ status }) => seen.push(status));
    await session.signIn({ email: "ann@example.com", password: "" });
    await pass(0);
    expect(get(store).account?.email).toBe("ann@example.com");
    stop();
    session.end();
    await pass(0);
    expect(seen.at(-1)).toBe("active");
  });
});
