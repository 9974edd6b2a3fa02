// @vitest-environment happy-dom
import * as Sentry from "@sentry/browser";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";

import { failureOf, isGatepassError } from "../src/errors.js";
import { createClient } from "../src/fetch.js";
import { retry } from "../src/retry.js";
import { scrub, sentryLayer } from "../src/sentry.js";
import { BASE, CLIENTS, overFetch } from "./fake/clients.js";
import { settled, useFakeClock } from "./fake/clock.js";
import { problem } from "./fake/server.js";
import { signedIn } from "./fake/world.js";

interface Sent {
  readonly fingerprint?: string[];
  readonly user?: object;
  readonly request?: { readonly url?: string; readonly headers?: object };
  readonly breadcrumbs?: { category: string; level: string; data: Record<string, unknown> }[];
}

/** What went to Sentry's server. */
let envelopes: string[] = [];

function started(options: Partial<Sentry.BrowserOptions> = {}): void {
  Sentry.init({
    dsn: "https://key@sentry.example/1",
    beforeSend: scrub,
    beforeSendSpan: scrub,
    beforeBreadcrumb: scrub,
    transport: (given) =>
      Sentry.createTransport(given, async ({ body }) => {
        envelopes.push(`${body}`);
        return { statusCode: 200 };
      }),
    ...options,
  });
}

/** Events only, of what was sent. */
async function reported(): Promise<Sent[]> {
  await settled(Promise.resolve(Sentry.flush(1_000)));
  return envelopes
    .map((envelope) => envelope.split("\n"))
    .filter(([, head]) => head?.includes('"event"'))
    .map(([, , item]) => JSON.parse(item!) as Sent);
}

useFakeClock();
beforeEach(() => {
  envelopes = [];
});
afterEach(async () => {
  Sentry.setUser(null);
  await settled(Promise.resolve(Sentry.close()));
  vi.unstubAllGlobals();
});

describe.each(CLIENTS)("errors of %s", (_name, over) => {
  it("arrive with a breadcrumb of the request and grouped by what failed", async () => {
    started({ defaultIntegrations: false });
    const { session, profile, server } = await signedIn();
    const { send } = over(session, profile, [sentryLayer(Sentry), retry()]);
    for (const path of ["/orders/7?secret=1", "/orders/8"]) {
      server.answers = [() => problem(501, "broken")];
      await settled(send("GET", path).catch((error: unknown) => Sentry.captureException(error)));
    }
    const [first, second] = await reported();
    expect(first!.fingerprint).toEqual(["http", "501", "GET", expect.stringMatching(/\/orders\/:id$/)]);
    expect(second!.fingerprint).toEqual(first!.fingerprint);
    const { category, level, data } = first!.breadcrumbs!.at(-1)!;
    expect([category, level]).toEqual(["gatepass.call", "error"]);
    expect(data).toMatchObject({ method: "GET", path: "/api/orders/7", status: 501, attempts: 1 });
    expect(envelopes.join()).not.toContain("secret");
  });
});

describe("a session", () => {
  it("tells whose it is by the id, no more, and forgets it at sign-out", async () => {
    started({ defaultIntegrations: false });
    const { session, profile } = await signedIn();
    const users: unknown[] = [];
    const setUser: typeof Sentry.setUser = (user) => {
      users.push(user);
      Sentry.setUser(user);
    };
    const { send } = overFetch(session, profile, [sentryLayer({ ...Sentry, setUser }, { session })]);
    expect(users).toHaveLength(1);
    await settled(send("GET", "/x"));
    await settled(session.refresh());
    Sentry.captureMessage("in");
    await settled(session.signOut());
    Sentry.captureMessage("out");
    expect(users).toEqual([{ id: expect.any(String) }, null]);
    const [within, after] = await reported();
    expect([within!.user, after!.user ?? {}]).toEqual([
      { id: session.getSnapshot().account?.id ?? expect.any(String) },
      {},
    ]);
    expect(within!.breadcrumbs!.map(({ category }) => category)).toContain("gatepass.session");
    expect(envelopes.join()).not.toContain('ann@example.com"');
  });
});

describe("Sentry's own instrumentation, which rewrites messages", () => {
  it("does not keep errors from being recognised, nor requests from being sent again", async () => {
    const fetch = vi.fn(async () => {
      throw new TypeError("Failed to fetch");
    });
    vi.stubGlobal("fetch", fetch);
    started();
    const { session } = await signedIn();
    const api = createClient({ baseURL: BASE, session, layers: [sentryLayer(Sentry), retry({ initialWait: 1 })] });
    const error = await settled(api.get("/x?secret=1").catch((thrown: unknown) => thrown));
    expect(isGatepassError(error) && (error.cause as Error).message).toMatch(/Failed to fetch \(localhost/);
    (error as Error).message = "rewritten";
    expect([isGatepassError(error), failureOf(error).kind, fetch.mock.calls.length]).toEqual([true, "network", 4]);
    Sentry.captureException(error);
    expect((await reported())[0]!.fingerprint?.[0]).toBe("network");
    expect(envelopes.join()).not.toContain("secret=1");
  });
});

describe("the scrubber", () => {
  it("takes out what is secret by its name, wherever it lies", () => {
    const event = {
      request: {
        url: "https://example.com/reset?token=abc",
        query_string: "token=abc",
        cookies: { gatepass: "abc" },
        headers: {
          Authorization: "Bearer abc",
          Cookie: "a=abc",
          Referer: "https://example.com/?code=abc",
          Accept: "*/*",
        },
      },
      breadcrumbs: [
        { category: "fetch", data: { url: "/api/x?key=abc", method: "GET" } },
        { category: "navigation", data: { from: "/a?x=abc", to: "/b#access_token=abc" } },
      ],
      spans: [
        {
          description: "GET https://example.com/x?key=abc",
          data: { "http.query": "?key=abc", "http.fragment": "#abc" },
        },
      ],
      extra: { config: { headers: { "Idempotency-Key": "abc" }, password: "abc" } },
    };
    const clean = scrub(event);
    expect(JSON.stringify(clean)).not.toContain("abc");
    expect(clean.request).toEqual({
      url: "https://example.com/reset",
      headers: { Referer: "https://example.com/", Accept: "*/*" },
    });
    expect(clean.breadcrumbs.map(({ data }) => data)).toEqual([
      { url: "/api/x", method: "GET" },
      { from: "/a", to: "/b" },
    ]);
  });

  it("takes tokens out of sentences", () => {
    const jwt = "eyJhbGciOiJFZERTQSJ9.eyJzdWIiOiIxIn0.c2ln";
    const clean = scrub({ message: `sent gp_rt_AbC-1_2 and Bearer ${jwt}, then ${jwt} to https://e.com/x?y=1.` });
    expect(clean.message).toBe("sent [redacted] and [redacted], then [redacted] to https://e.com/x");
  });

  it("leaves what is harmless as it was, and changes nothing that it was given", () => {
    const event = { message: "Is it? Yes, 7 / 8 #1", level: "error", tags: { route: "/a/b" }, list: [1, null, true] };
    const copy = structuredClone(event);
    expect(scrub(event)).toEqual(copy);
    expect(event).toEqual(copy);
  });

  it("comes to an end with objects that do not", () => {
    const endless: Record<string, unknown> = { password: "abc", list: [] as unknown[] };
    endless.self = endless;
    (endless.list as unknown[]).push(endless);
    expect(JSON.stringify(scrub({ data: { arguments: [endless] } }))).not.toContain("abc");
  });

  it("gives no fingerprint to errors of code", () => {
    expect(scrub({ message: "x" }, { originalException: new RangeError("x") })).toEqual({ message: "x" });
  });
});
