// @vitest-environment happy-dom

import { act, render, screen } from "@testing-library/react";
import { StrictMode } from "react";
import { renderToString } from "react-dom/server";
import { describe, expect, it, vi } from "vitest";

import { SessionProvider, useSession } from "../src/react.js";
import { pass, useFakeClock } from "./fake/clock.js";
import { calls, open, signedIn } from "./fake/world.js";

useFakeClock();
Object.assign(globalThis, { IS_REACT_ACT_ENVIRONMENT: true });

function Greeting() {
  const { status, account, signOut } = useSession();
  return (
    <button type="button" onClick={() => void signOut()}>
      {status} {account?.email ?? "nobody"}
    </button>
  );
}

describe("useSession", () => {
  it("shows a session that a reload resumed, with one refresh in Strict Mode", async () => {
    const { profile, server } = await signedIn();
    const session = open(profile.tab());
    render(
      <StrictMode>
        <SessionProvider session={session}>
          <Greeting />
        </SessionProvider>
      </StrictMode>,
    );
    expect(screen.getByRole("button").textContent).toMatch(/^unknown/);
    await act(() => pass(1));
    expect(screen.getByRole("button").textContent).toBe("active ann@example.com");
    expect(calls(server, "/auth/refresh")).toBe(1);
    await act(async () => {
      screen.getByRole("button").click();
      await pass(1);
    });
    expect(screen.getByRole("button").textContent).toBe("ended nobody");
    session.close();
  });

  it("is unknown on a server", async () => {
    const { session } = await signedIn();
    const html = renderToString(
      <SessionProvider session={session}>
        <Greeting />
      </SessionProvider>,
    );
    expect(html).toContain("unknown");
  });

  it("says what is missing without a provider", () => {
    vi.spyOn(console, "error").mockImplementation(() => undefined);
    expect(() => renderToString(<Greeting />)).toThrow(/SessionProvider/);
  });
});
