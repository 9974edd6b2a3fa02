/** `""` counts as not given, in every option that is a text: as of `createSession({ baseURL: import.meta.env.AUTH })`. */

import { describe, expect, it, vi } from "vitest";

import { createAccount } from "../src/account.js";
import { createClient, createFetch } from "../src/fetch.js";
import { openSocket } from "../src/live.js";
import { signIn } from "../src/playwright.js";
import { signInWith } from "../src/providers.js";
import { createPageReader } from "../src/server.js";
import { createSession } from "../src/session/session.js";
import { settled, useFakeClock } from "./fake/clock.js";
import { loadPage } from "./fake/page.js";
import { FakeProfile } from "./fake/profile.js";
import { FakeServer } from "./fake/server.js";
import { ANN, calls, signedIn } from "./fake/world.js";

useFakeClock();

/** The addresses that a fetch was called with. */
function spy() {
  const seen: string[] = [];
  const fetch = async (input: RequestInfo | URL) => {
    seen.push(input instanceof Request ? input.url : `${input}`);
    return Response.json({});
  };
  return { seen, fetch: fetch as typeof globalThis.fetch };
}

describe.each([[""], [undefined]])("%j counts as not given", (none) => {
  it("in createSession: the endpoints are at /auth, whatever the path of the page", async () => {
    const server = new FakeServer();
    const session = createSession({ baseURL: none, stateCookie: none }, new FakeProfile(server).tab());
    await settled(session.signIn(ANN));
    expect(calls(server, "/auth/login")).toBe(1);
    expect(session.getSnapshot().status).toBe("active");
  });

  it("in createAccount", async () => {
    loadPage("/notes/7");
    const { session } = await signedIn();
    const { seen, fetch } = spy();
    await settled(createAccount({ baseURL: none, session, fetch }).forgotPassword("ann@example.com"));
    expect(new URL(seen[0]!).pathname).toBe("/auth/password/forgot");
    const sent: unknown[] = [];
    const bodies: typeof globalThis.fetch = async (_input, init) => {
      sent.push(JSON.parse(`${init?.body}`));
      return Response.json({ location: "https://provider.example/" });
    };
    const account = createAccount({ session, fetch: bodies });
    await settled(account.link("acme", { returnTo: none, navigate: () => {} }));
    expect(sent).toMatchObject([{ return_to: "/notes/7" }]);
  });

  it("in createClient and createFetch: the origin of the session", async () => {
    loadPage("/notes/7");
    const { session } = await signedIn();
    const { seen, fetch } = spy();
    await settled(createClient({ baseURL: none, session, fetch }).get("/notes"));
    const sent: Headers[] = [];
    const own: typeof fetch = async (_input, init) => {
      sent.push(new Headers(init?.headers));
      return Response.json({});
    };
    await settled(createFetch({ session, origin: none, fetch: own })(`${session.origin}/notes`));
    expect(seen).toEqual([`${session.origin}/notes`]);
    expect(sent[0]!.has("Authorization")).toBe(true);
  });

  it("in openSocket", async () => {
    const { session } = await signedIn();
    const elsewhere = { session, url: "wss://other.example/chat", onMessage: () => {} };
    expect(() => openSocket({ ...elsewhere, origin: none })).toThrow("No token for");
  });

  it("in signInWith: the browser comes back to this page, and no account is proposed", async () => {
    loadPage("/notes?page=2");
    const depart = vi.fn(async () => "https://provider.example/");
    const session = { ...(await signedIn()).session, depart };
    await signInWith(session, "acme", { returnTo: none, loginHint: none, navigate: () => {} });
    const [, facts] = depart.mock.calls[0] as unknown as [string, Record<string, unknown>];
    expect(JSON.parse(JSON.stringify(facts))).toEqual({ return_to: "/notes?page=2", remember: true });
  });

  it("in createPageReader: the issuer and the audience are the origin, and the signature is checked here", () => {
    const given = { baseURL: "https://a.example/auth" };
    const reader = () =>
      createPageReader({ ...given, internalURL: none, issuer: none, audience: none, checkURL: none });
    expect(reader).not.toThrow();
  });

  it("for a test that signs in: an account of its own, at /auth", async () => {
    const post = vi.fn(async () => ({ status: () => 404, text: async () => "" }));
    const context = { request: { post }, addInitScript: async () => {} };
    const given = { auth: none, accountId: none, baseURL: "http://localhost:3000" };
    await signIn(context, ANN.email, given).catch(() => {});
    expect(post).toHaveBeenCalledWith(
      "http://localhost:3000/auth/testing/sessions",
      expect.objectContaining({ data: { email: ANN.email, auth_url: "http://localhost:3000/auth" } }),
    );
  });
});
