/** Passkeys of a page: what the browser is asked, what goes to the server, and what becomes of each failure. */

import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";

import { createFactors, secondStepOf } from "../src/factors.js";
import { addPasskey, enrolPasskey, hasPasskeys, passkeyStep, signInWithPasskey } from "../src/passkeys.js";
import { problem } from "../src/testing/messages.js";
import { pass, settled, useFakeClock } from "./fake/clock.js";
import { FakeDevice } from "./fake/device.js";
import { ANN, calls, signedIn } from "./fake/world.js";

useFakeClock();
afterEach(() => vi.unstubAllGlobals());

let device: FakeDevice;
beforeEach(() => {
  device = new FakeDevice();
  device.install();
});

const refuse = (name: string) => () => {
  throw new DOMException("The operation either timed out or was not allowed.", name);
};

/** Ann, signed in, with a passkey. */
async function enrolled() {
  const made = await signedIn();
  const added = await settled(addPasskey(made.session, { name: "My phone" }));
  const send: typeof globalThis.fetch = (input, init) => made.profile.send(`${input}`, init);
  const factors = createFactors({ baseURL: "http://localhost:8000/auth", session: made.session, fetch: send });
  return { ...made, added, factors };
}

describe("enrolling one at a sign-in", () => {
  it("ends it, with the account and the recovery codes to be shown once", async () => {
    const { server, session } = await signedIn();
    server.answers.push(
      () => ({ status: 200, body: { challenge: "Y2hhbGxlbmdl" } }),
      (request) => {
        const begun = server.receive({ ...request, path: "/auth/login", body: { ...ANN } });
        return { ...begun, body: { ...(begun.body as object), recovery_codes: ["one", "two"] } };
      },
    );
    const step = { methods: ["enrol"], ticket: "gp_st_x", expires_in: 300 } as const;
    const entered = await settled(enrolPasskey(session, step, { name: "My phone" }));
    expect(entered).toEqual({ account: expect.objectContaining({ email: ANN.email }), recoveryCodes: ["one", "two"] });
    expect(device.asked).toMatchObject([["create", { publicKey: { isParsed: true } }]]);
    const sent = server.requests.filter(({ path }) => path.startsWith("/auth/login/enrol/passkey"));
    expect(sent.map(({ body }) => body)).toEqual([
      { ticket: "gp_st_x" },
      { ticket: "gp_st_x", name: "My phone", response: { id: "key-1", type: "public-key" } },
    ]);
  });
});

describe("adding one", () => {
  it("hands the server's options to the browser, and its answer to the server", async () => {
    const { added, factors, server } = await enrolled();
    expect(added).toMatchObject({ id: "key-1", name: "My phone" });
    expect(device.asked).toMatchObject([["create", { publicKey: { isParsed: true, rp: { id: "localhost" } } }]]);
    expect(server.requests.at(-1)!.body).toEqual({ response: { id: "key-1", type: "public-key" }, name: "My phone" });
    expect((await settled(factors.list())).passkeys).toMatchObject([{ name: "My phone" }]);
    await settled(factors.renamePasskey("key-1", "Old phone"));
    expect((await settled(factors.list())).passkeys).toMatchObject([{ name: "Old phone" }]);
    await settled(factors.removePasskey("key-1"));
    expect((await settled(factors.list())).passkeys).toEqual([]);
  });

  it("says of a device that has one already what the server would say", async () => {
    const { session } = await signedIn();
    device.answer = refuse("InvalidStateError");
    await expect(settled(addPasskey(session))).rejects.toMatchObject({
      kind: "http",
      status: 409,
      problem: { code: "passkey-taken" },
    });
  });

  it("refreshes a token that the server refuses, and asks the person once", async () => {
    const { server, session } = await signedIn();
    await pass(6);
    server.refuseTokens();
    await settled(addPasskey(session));
    expect([calls(server, "/auth/refresh"), device.asked.length]).toEqual([1, 1]);
  });

  it("is refused before the person is asked where the sign-in is not recent, and to nobody", async () => {
    const { server, session } = await signedIn();
    server.answers.push(() => problem(401, "insufficient-user-authentication", { acr_values: "mfa" }));
    await expect(settled(addPasskey(session))).rejects.toMatchObject({ problem: { acr_values: "mfa" } });
    await settled(session.signOut());
    await expect(settled(addPasskey(session))).rejects.toMatchObject({ kind: "session-ended" });
    expect(device.asked).toEqual([]);
  });
});

describe("signing in", () => {
  it("needs no name, and begins a session that is bound to a key of this browser", async () => {
    const { server, session } = await enrolled();
    await settled(session.signOut());
    expect(await settled(signInWithPasskey(session, { remember: false }))).toMatchObject({ email: ANN.email });
    expect(session.getSnapshot().status).toBe("active");
    expect(server.requests.slice(-2).map(({ path, body }) => [path, body])).toEqual([
      ["/auth/login/passkey/options", {}],
      [
        "/auth/login/passkey",
        {
          response: { id: "key-1", type: "public-key" },
          remember: false,
          binding_secret: expect.stringMatching(/^[\w-]{43}$/),
        },
      ],
    ]);
  });

  it("is the second step after a password, under the key of the first", async () => {
    const { server, session } = await enrolled();
    await settled(session.signOut());
    const step = secondStepOf(await settled(session.signIn(ANN)).catch((error) => error))!;
    expect(step.methods).toEqual(["passkey"]);
    await settled(passkeyStep(session, step));
    expect(server.requests.slice(-2).map(({ body }) => body)).toEqual([
      { ticket: step.ticket },
      { ticket: step.ticket, response: { id: "key-1", type: "public-key" } },
    ]);
    expect([...server.rows.values()].at(-1)!.binding).toEqual(expect.any(String));
  });

  it.each(["NotAllowedError", "AbortError"])("that the person cancels is aborted: %s", async (name) => {
    const { session, server } = await enrolled();
    device.answer = refuse(name);
    await expect(settled(signInWithPasskey(session))).rejects.toMatchObject({ kind: "aborted", cause: { name } });
    expect(calls(server, "/auth/login/passkey")).toBe(0);
  });

  it.each(["SecurityError", "NotSupportedError"])(
    "that is set up wrongly is the browser's own error: %s",
    async (name) => {
      const { session } = await enrolled();
      device.answer = refuse(name);
      await expect(settled(signInWithPasskey(session))).rejects.toMatchObject({ name });
    },
  );

  it("with a passkey that was removed tells the browser so, and the page", async () => {
    const { factors, session } = await enrolled();
    await settled(factors.removePasskey("key-1"));
    const refused = { status: 401, problem: { code: "unknown-credential" } };
    await expect(settled(signInWithPasskey(session))).rejects.toMatchObject(refused);
    expect(device.signalled).toEqual([{ rpId: "localhost", credentialId: "key-1" }]);
    Reflect.deleteProperty(PublicKeyCredential, "signalUnknownCredential");
    await expect(settled(signInWithPasskey(session))).rejects.toMatchObject(refused);
  });

  it("with one that is refused for any other reason tells the browser nothing", async () => {
    const { server, session } = await enrolled();
    server.answers.push(
      () => undefined,
      () => problem(401, "passkey-refused"),
    );
    await expect(settled(signInWithPasskey(session))).rejects.toMatchObject({ problem: { code: "passkey-refused" } });
    expect(device.signalled).toEqual([]);
  });
});

describe("the field of the name", () => {
  /** Ann is signed out, and her browser waits for her to take a passkey in the field. */
  async function waiting(signal?: AbortSignal) {
    const made = await enrolled();
    await settled(made.session.signOut());
    const offered = signInWithPasskey(made.session, { mediation: "conditional", signal });
    offered.catch(() => undefined);
    await pass(1);
    return { ...made, offered };
  }

  it("offers passkeys until one is taken", async () => {
    const { offered, session } = await waiting();
    expect(device.asked.at(-1)).toMatchObject(["get", { mediation: "conditional" }]);
    device.take();
    await settled(offered);
    expect(session.getSnapshot().status).toBe("active");
  });

  it("gives way to a button, and to a page that is left", async () => {
    const leave = new AbortController();
    const { offered, session } = await waiting(leave.signal);
    const pressed = signInWithPasskey(session);
    await expect(settled(offered)).rejects.toMatchObject({ kind: "aborted" });
    expect(await settled(pressed)).toMatchObject({ email: ANN.email });
    const other = signInWithPasskey(session, { mediation: "conditional", signal: leave.signal });
    await pass(1);
    leave.abort();
    await expect(settled(other)).rejects.toMatchObject({ kind: "aborted" });
  });

  it("is left alone by a sign-in whose signal has fired before, which asks nobody", async () => {
    const { offered, session, server } = await waiting();
    const before = server.requests.length;
    const gone = { signal: AbortSignal.abort() };
    await expect(settled(signInWithPasskey(session, gone))).rejects.toMatchObject({ kind: "aborted" });
    await expect(settled(addPasskey(session, gone))).rejects.toMatchObject({ kind: "aborted" });
    expect(server.requests).toHaveLength(before);
    device.take();
    await settled(offered);
    expect(session.getSnapshot().status).toBe("active");
  });

  it("does not disturb a button that was pressed while its options were on the way", async () => {
    const { profile, session } = await enrolled();
    await settled(session.signOut());
    profile.faults = [{ hang: 2_000 }];
    const offered = signInWithPasskey(session, { mediation: "conditional" });
    offered.catch(() => undefined);
    const pressed = signInWithPasskey(session);
    expect(await settled(pressed)).toMatchObject({ email: ANN.email });
    await expect(settled(offered)).rejects.toMatchObject({ kind: "aborted" });
  });

  it("closes no dialog of a button that was pressed before the page was ready to wait", async () => {
    const { profile, session } = await enrolled();
    await settled(session.signOut());
    profile.faults = [{ hang: 2_000 }];
    const pressed = signInWithPasskey(session);
    pressed.catch(() => undefined);
    await expect(settled(signInWithPasskey(session, { mediation: "conditional" }))).rejects.toMatchObject({
      kind: "aborted",
    });
    expect(await settled(pressed)).toMatchObject({ email: ANN.email });
    await settled(session.signOut());
    const again = signInWithPasskey(session, { mediation: "conditional" });
    await pass(1);
    device.take();
    expect(await settled(again)).toMatchObject({ email: ANN.email });
  });

  it("asks once more, for the person is there, where the page was open for too long", async () => {
    const { offered, server, session } = await waiting();
    server.answers.push(() => problem(400, "challenge-expired"));
    device.take();
    await settled(offered);
    expect(device.asked.slice(-2).map(([, { mediation }]) => mediation)).toEqual(["conditional", undefined]);
    expect(session.getSnapshot().status).toBe("active");
  });
});

describe("a browser", () => {
  it("has passkeys, or has none, and a server has none", () => {
    expect(hasPasskeys()).toBe(true);
    vi.stubGlobal("PublicKeyCredential", {});
    expect(hasPasskeys()).toBe(false);
    vi.stubGlobal("PublicKeyCredential", undefined);
    expect(hasPasskeys()).toBe(false);
  });
});
