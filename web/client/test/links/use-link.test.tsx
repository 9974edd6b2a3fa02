// @vitest-environment happy-dom

/** `useLink`: a link in a component, replaced before it expires. */

import { act, cleanup, render, screen } from "@testing-library/react";
import { StrictMode } from "react";
import { afterEach, describe, expect, it, vi } from "vitest";
import { SessionProvider, useLink } from "../../src/react.js";
import { fakeSession } from "../../src/testing.js";
import { pass, useFakeClock } from "../fake/clock.js";
import { calls, signedIn } from "../fake/world.js";

useFakeClock();
Object.assign(globalThis, { IS_REACT_ACT_ENVIRONMENT: true });
afterEach(cleanup);

describe("useLink", () => {
  function Photo({ path, onError }: { path: string | null; onError?: (error: unknown) => void }) {
    const link = useLink(path, { onError });
    return link ? <img src={link} alt="shown" /> : <p>none</p>;
  }
  const shown = () => screen.queryByRole("img")?.getAttribute("src") ?? null;

  it("is a link that is replaced before it expires, in Strict Mode too, and stays when nothing changes", async () => {
    const { session, server, sid } = await signedIn();
    const page = (
      <StrictMode>
        <SessionProvider session={session}>
          <Photo path="/photos/1" />
        </SessionProvider>
      </StrictMode>
    );
    const { rerender } = render(page);
    expect(shown()).toBeNull();
    await act(() => pass(0.1));
    expect(shown()).toBe(`http://localhost:8000/photos/1?gp_link=${sid}`);
    rerender(page);
    await act(() => pass(1));
    expect(calls(server, "/auth/links")).toBe(1);
    await act(() => pass(300));
    expect(calls(server, "/auth/links")).toBe(2);
    cleanup();
    await pass(3_600);
    expect(calls(server, "/auth/links")).toBe(2);
    session.close();
  });

  it("is never that of another path, and none without a path or a session", async () => {
    const session = fakeSession();
    const page = (path: string | null) => (
      <SessionProvider session={session}>
        <Photo path={path} />
      </SessionProvider>
    );
    const { rerender } = render(page("/a"));
    await act(() => pass(0.1));
    expect(shown()).toContain("/a?gp_link=");
    rerender(page("/b"));
    expect(shown()).toBeNull();
    await act(() => pass(0.1));
    expect(shown()).toContain("/b?gp_link=");
    rerender(page(null));
    expect(shown()).toBeNull();
    rerender(page("/b"));
    await act(() => pass(0.1));
    act(() => session.end());
    await act(() => pass(0.1));
    expect(shown()).toBeNull();
  });

  it("says why there is none", async () => {
    const { session, server } = await signedIn();
    server.answers.push(() => ({ status: 422, body: { code: "invalid-path" } }));
    const heard = vi.fn();
    render(
      <SessionProvider session={session}>
        <Photo path="/photos/1" onError={(error) => heard(error)} />
      </SessionProvider>,
    );
    await act(() => pass(1));
    expect(heard.mock.calls).toMatchObject([[{ status: 422 }]]);
    session.close();
  });
});
