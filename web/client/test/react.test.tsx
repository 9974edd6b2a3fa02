// @vitest-environment happy-dom

import { act, cleanup, render, screen } from "@testing-library/react";
import { StrictMode } from "react";
import { renderToString } from "react-dom/server";
import { afterEach, describe, expect, it, vi } from "vitest";
import { createLoading } from "../src/loading.js";
import {
  Progress,
  RequireSession,
  SessionProvider,
  safeReturn,
  useAccount,
  useLoading,
  useSession,
} from "../src/react.js";
import type { Session } from "../src/session/types.js";
import { pass, settled, useFakeClock } from "./fake/clock.js";
import { ANN, BOB, calls, open, signedIn } from "./fake/world.js";

useFakeClock();
Object.assign(globalThis, { IS_REACT_ACT_ENVIRONMENT: true });
afterEach(cleanup);

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

describe("useSession with a selector", () => {
  it("renders anew only when what it picks has changed", async () => {
    const { session } = await signedIn();
    let renders = 0;
    const Status = () => {
      renders++;
      return <p>{useSession(({ status }) => status)}</p>;
    };
    render(
      <SessionProvider session={session}>
        <Status />
      </SessionProvider>,
    );
    await act(() => pass(0));
    const before = renders;
    await act(async () => {
      await settled(session.refresh());
      await pass(0);
    });
    expect(screen.getByText("active")).toBeTruthy();
    expect(renders).toBe(before);
  });
});

describe("useAccount", () => {
  it("is null until somebody is known, and follows who it is", async () => {
    const { profile } = await signedIn();
    const session = open(profile.tab());
    const Name = () => <p>{useAccount()?.email ?? "nobody"}</p>;
    render(
      <SessionProvider session={session}>
        <Name />
      </SessionProvider>,
    );
    expect(screen.getByText("nobody")).toBeTruthy();
    await act(() => pass(1));
    expect(screen.getByText("ann@example.com")).toBeTruthy();
    await act(async () => {
      await settled(session.signIn(BOB));
      await pass(0);
    });
    expect(screen.getByText("bob@example.com")).toBeTruthy();
  });
});

describe("RequireSession", () => {
  const Page = ({ session, onAnonymous }: { session: Session; onAnonymous?: (returnTo: string) => void }) => (
    <StrictMode>
      <SessionProvider session={session}>
        <RequireSession fallback={<p>wait</p>} {...(onAnonymous && { onAnonymous })}>
          <p>secret</p>
        </RequireSession>
      </SessionProvider>
    </StrictMode>
  );

  it("waits for who it is, then shows its children", async () => {
    const { profile } = await signedIn();
    const told = vi.fn();
    render(<Page session={open(profile.tab())} onAnonymous={told} />);
    expect(screen.getByText("wait")).toBeTruthy();
    await act(() => pass(1));
    expect(screen.getByText("secret")).toBeTruthy();
    expect(told).not.toHaveBeenCalled();
  });

  it("sends a stranger away once, with the way back", async () => {
    history.replaceState(null, "", "/notes?page=2#top");
    const { profile } = await signedIn();
    profile.jar.clear();
    const told = vi.fn();
    render(<Page session={open(profile.tab())} onAnonymous={told} />);
    await act(() => pass(1));
    expect(screen.getByText("wait")).toBeTruthy();
    expect(told.mock.calls).toEqual([[encodeURIComponent("/notes?page=2#top")]]);
  });

  it("keeps its children while the session cannot be renewed", async () => {
    const { profile } = await signedIn();
    const session = open(profile.tab());
    render(<Page session={session} />);
    await act(() => pass(1));
    await pass(901);
    profile.faults = [503, 503, 503];
    await act(async () => {
      await settled(session.refresh());
      await pass(0);
    });
    expect(session.getSnapshot().status).toBe("degraded");
    expect(screen.getByText("secret")).toBeTruthy();
  });

  it("takes its children away when the session ends, and says so again the next time", async () => {
    const { session } = await signedIn();
    const told = vi.fn();
    render(<Page session={session} onAnonymous={told} />);
    await act(() => pass(0));
    for (const time of [1, 2]) {
      await act(async () => {
        await settled(session.signOut());
        await pass(0);
      });
      expect(screen.queryByText("secret")).toBeNull();
      expect(told).toHaveBeenCalledTimes(time);
      await act(async () => {
        await settled(session.signIn(ANN));
        await pass(0);
      });
      expect(screen.getByText("secret")).toBeTruthy();
    }
  });
});

describe("safeReturn", () => {
  it.each([
    ["/notes?page=2#top", "/notes?page=2#top"],
    ["notes", "/notes"],
    ["//elsewhere.example/x", "/"],
    ["/\\elsewhere.example", "/"],
    ["/.//elsewhere.example", "/"],
    ["https://elsewhere.example", "/"],
    ["javascript:alert(1)", "/"],
    ["data:text/html,x", "/"],
    ["http://[", "/"],
    ["", "/"],
    [null, "/"],
  ])("%s leads to %s", (given, goes) => {
    expect(safeReturn(given)).toBe(goes);
  });
});

describe("useLoading and Progress", () => {
  it("show what is under way, after the delay, and stop showing it", async () => {
    const loading = createLoading({ delay: 100, min: 0 });
    const Light = () => <p>{useLoading(loading, { scope: "notes" }).isVisible ? "busy" : "idle"}</p>;
    const { unmount } = render(
      <StrictMode>
        <Light />
        <Progress loading={loading} label="Working" />
      </StrictMode>,
    );
    expect(document.querySelectorAll("[role=progressbar]")).toHaveLength(1);
    let finish!: () => void;
    loading.track(new Promise<void>((resolve) => (finish = resolve)), { scope: "notes" });
    await act(() => pass(0.05));
    expect(screen.getByText("idle")).toBeTruthy();
    await act(() => pass(0.1));
    expect(screen.getByText("busy")).toBeTruthy();
    expect(screen.getByRole("progressbar", { name: "Working" })).toBeTruthy();
    finish();
    await act(() => pass(0.1));
    expect(screen.getByText("idle")).toBeTruthy();
    unmount();
    expect(document.querySelectorAll("[role=progressbar]")).toHaveLength(0);
  });

  it("are idle on a server", () => {
    const Light = () => <p>{useLoading(createLoading()).isVisible ? "busy" : "idle"}</p>;
    expect(renderToString(<Light />)).toContain("idle");
  });
});
