/** The second step of a sign-in, stepping up, and the factors of an account. */

import { describe, expect, it } from "vitest";

import {
  cancelRecovery,
  codeStep,
  completeRecovery,
  confirmEnrolment,
  createFactors,
  recoveryStep,
  type SecondStep,
  secondStepOf,
  startEnrolment,
  startRecovery,
  stepUp,
  takeSecondStep,
} from "../src/factors.js";
import { problem } from "../src/testing/messages.js";
import { FakeFactors, fakeSession, needsSecondStep } from "../src/testing.js";
import { pass, settled, useFakeClock } from "./fake/clock.js";
import { ANN, calls, open, signedIn } from "./fake/world.js";

useFakeClock();

const { CODE } = FakeFactors;

/** Ann, signed in, with an authenticator app; `codes` are her recovery codes. */
async function enrolled() {
  const made = await signedIn();
  const factors = createFactors({
    baseURL: "http://localhost:8000/auth",
    session: made.session,
    fetch: (input, init) => made.profile.send(`${input}`, init),
  });
  await settled(factors.startTotp());
  const codes = await settled(factors.confirmTotp("287 082"));
  return { ...made, factors, codes };
}

/** She signs in anew, with her password. */
async function firstStep({ session }: Awaited<ReturnType<typeof enrolled>>): Promise<SecondStep> {
  await settled(session.signOut());
  return secondStepOf(await settled(session.signIn(ANN)).catch((error) => error))!;
}

describe("a sign-in in two steps", () => {
  it("goes on with the step that its error names, in a session bound to the key of the first", async () => {
    const world = await enrolled();
    const { profile, server, session } = world;
    const step = await firstStep(world);
    expect(step).toMatchObject({ methods: ["totp", "recovery"], expires_in: 300 });
    expect(session.getSnapshot().status).toBe("ended");
    expect(await settled(codeStep(session, step, { code: " 287 082" }))).toMatchObject({ email: ANN.email });
    expect(session.getSnapshot()).toMatchObject({ status: "active", account: { email: ANN.email } });
    expect(server.requests.at(-1)!.body).toEqual({ ticket: step.ticket, code: CODE });
    expect([...server.rows.values()].at(-1)!.binding).toEqual(expect.stringMatching(/^[\w-]{43}$/));
    expect(await settled(open(profile.tab()).start())).toMatchObject({ status: "active" });
    expect(server.log.at(-1)).toMatchObject({ case: "advance", proof: expect.any(String) });
  });

  it("asks again after a wrong code, and begins again once the ticket has been used", async () => {
    const world = await enrolled();
    const step = await firstStep(world);
    const type = (code: string) => settled(codeStep(world.session, step, { code }));
    await expect(type("000000")).rejects.toMatchObject({ status: 401, problem: { code: "invalid-code" } });
    await type(CODE);
    await expect(type("000000")).rejects.toMatchObject({ problem: { code: "invalid-code" } });
    await expect(type(CODE)).rejects.toMatchObject({ status: 400, problem: { code: "sign-in-expired" } });
    expect(world.session.getSnapshot().status).toBe("active");
  });

  it("ends with a recovery code, which counts once", async () => {
    const world = await enrolled();
    const [code = ""] = world.codes;
    const typed = ` ${code.toUpperCase().replace("-", " ")}`;
    await settled(recoveryStep(world.session, await firstStep(world), { code: typed }));
    const again = recoveryStep(world.session, await firstStep(world), { code });
    await expect(settled(again)).rejects.toMatchObject({ problem: { code: "invalid-code" } });
  });

  it("refreshes nothing, and tells of no other error that it needs one", async () => {
    const world = await enrolled();
    await firstStep(world);
    expect(calls(world.server, "/auth/refresh")).toBe(0);
    const wrong = await settled(world.session.signIn({ ...ANN, password: "wrong" })).catch((error) => error);
    expect([secondStepOf(wrong), secondStepOf(new Error("x")), secondStepOf(null)]).toEqual([null, null, null]);
  });

  it("that began at a provider takes its ticket, once", async () => {
    const { server, session } = await enrolled();
    const body = { methods: ["totp"], ticket: "gp_st_x", expires_in: 287 };
    server.answers.push(
      () => ({ status: 200, body }),
      () => problem(400, "sign-in-expired"),
    );
    expect(await settled(takeSecondStep(session))).toEqual(body);
    await expect(settled(takeSecondStep(session))).rejects.toMatchObject({ problem: { code: "sign-in-expired" } });
    expect(server.requests.at(-1)).toMatchObject({ method: "POST", path: "/auth/login/ticket" });
  });

  it("enrols an authenticator app first where the account must have one", async () => {
    const { server, session } = await enrolled();
    const step: SecondStep = { methods: ["enrol"], ticket: "gp_st_x", expires_in: 300 };
    const secret = { secret: "GEZDGNBV", uri: "otpauth://totp/x", qr: "<svg/>" };
    server.answers.push(
      () => ({ status: 200, body: secret }),
      () => problem(401, "invalid-code"),
      (request) => {
        const begun = server.receive({
          ...request,
          path: "/auth/login",
          body: { email: "bob@example.com", password: "right" },
        });
        return { ...begun, body: { ...(begun.body as object), recovery_codes: ["one", "two"] } };
      },
    );
    expect(await settled(startEnrolment(session, step))).toEqual(secret);
    const ended = confirmEnrolment(session, step, { code: "123 456" });
    await expect(settled(ended)).rejects.toMatchObject({ problem: { code: "invalid-code" } });
    expect(server.requests.slice(-2).map(({ path, body }) => [path, body])).toEqual([
      ["/auth/login/enrol", { ticket: "gp_st_x" }],
      ["/auth/login/enrol/confirm", { ticket: "gp_st_x", code: "123456" }],
    ]);
    expect(await settled(confirmEnrolment(session, step, { code: CODE }))).toEqual({
      account: expect.objectContaining({ email: "bob@example.com" }),
      recoveryCodes: ["one", "two"],
    });
  });
});

describe("lost factors", () => {
  it("are removed by the mailed link, which ends the sign-in", async () => {
    const world = await enrolled();
    const { session, factors, server } = world;
    const step = await firstStep(world);
    expect(await settled(startRecovery(session, step))).toMatchObject({ ready_at: expect.any(Number) });
    const wrong = completeRecovery(session, step, "another");
    await expect(settled(wrong)).rejects.toMatchObject({ status: 422, problem: { code: "invalid-link" } });
    expect(await settled(completeRecovery(session, step, ANN.email))).toMatchObject({ email: ANN.email });
    expect(session.getSnapshot().status).toBe("active");
    expect(await settled(factors.list())).toMatchObject({ totp: null, recovery_codes: 0, recovery: null });
    expect(server.requests.find(({ path }) => path.endsWith("/complete"))!.body).toEqual({
      ticket: step.ticket,
      token: "another",
    });
  });

  it("stay by the link, by a code, and by the owner who sees it among them", async () => {
    const world = await enrolled();
    const { server, session, factors } = world;
    await settled(startRecovery(session, await firstStep(world)));
    await expect(settled(cancelRecovery(session, "nobody"))).rejects.toMatchObject({ status: 422 });
    await settled(cancelRecovery(session, ANN.email));
    const step = secondStepOf(await settled(session.signIn(ANN)).catch((error) => error))!;
    await settled(startRecovery(session, step));
    await settled(codeStep(session, step, { code: CODE }));
    expect((await settled(factors.list())).recovery).toBe(null);
    await expect(settled(factors.cancelRecovery())).rejects.toMatchObject({ status: 404 });
    expect(server.requests.at(-1)).toMatchObject({ method: "DELETE", path: "/auth/factor-recovery" });
  });
});

describe("stepping up", () => {
  it("puts a new session in place of this one, bound to a key, for all tabs", async () => {
    const { profile, server, session, sid } = await enrolled();
    const sibling = open(profile.tab());
    await settled(sibling.start());
    const step = await settled(stepUp(session));
    expect([step.methods, session.getSnapshot().sessionId]).toEqual([["totp", "recovery"], sid]);
    await settled(codeStep(session, step, { code: CODE }));
    const { sessionId } = session.getSnapshot();
    expect([server.rows.get(sid)!.revoked, server.rows.get(sessionId!)!.binding]).toEqual([
      "replaced",
      expect.stringMatching(/^[\w-]{43}$/),
    ]);
    await pass(1);
    expect(sibling.getSnapshot()).toMatchObject({ status: "active", sessionId });
    session.close();
    expect(await settled(open(profile.tab()).start())).toMatchObject({ status: "active", sessionId });
  });

  it("refreshes a token that the server refuses, and asks once more", async () => {
    const { server, session } = await enrolled();
    await pass(6);
    server.refuseTokens();
    expect((await settled(stepUp(session))).methods).toContain("totp");
    expect(server.requests.slice(-3).map(({ path }) => path)).toEqual([
      "/auth/step-up",
      "/auth/refresh",
      "/auth/step-up",
    ]);
  });

  it("is refused where there is no second factor, and to nobody", async () => {
    const { session } = await signedIn();
    await expect(settled(stepUp(session))).rejects.toMatchObject({
      status: 403,
      problem: { code: "no-second-factor" },
    });
    await settled(session.signOut());
    await expect(settled(stepUp(session))).rejects.toMatchObject({ kind: "session-ended" });
  });

  it("fails as any request does where there is no network", async () => {
    const { profile, session } = await enrolled();
    profile.offline = true;
    await expect(settled(stepUp(session))).rejects.toMatchObject({ kind: "network" });
  });
});

describe("the factors of an account", () => {
  it("are listed, renewed and removed", async () => {
    const { factors, codes } = await enrolled();
    expect(codes).toHaveLength(10);
    expect(await settled(factors.list())).toMatchObject({ totp: { created_at: 1_700_000_000 }, recovery_codes: 10 });
    const renewed = await settled(factors.renewRecoveryCodes());
    expect(renewed.filter((code) => codes.includes(code))).toEqual([]);
    await settled(factors.removeTotp());
    expect(await settled(factors.list())).toMatchObject({ totp: null });
  });

  it("do not count before the right code has come", async () => {
    const { session, profile } = await signedIn();
    const fetch: typeof globalThis.fetch = (input, init) => profile.send(`${input}`, init);
    const factors = createFactors({ baseURL: "http://localhost:8000/auth", session, fetch });
    expect(await settled(factors.startTotp())).toMatchObject({ uri: expect.stringMatching(/^otpauth:/) });
    await expect(settled(factors.confirmTotp("000000"))).rejects.toMatchObject({ status: 403 });
    expect(await settled(factors.list())).toMatchObject({ totp: null, recovery_codes: 0 });
  });
});

describe("a fake session", () => {
  it("asks for a second step when told to, and steps up", async () => {
    const session = fakeSession({ status: "anonymous" });
    session.refuse(needsSecondStep({ methods: ["totp"] }));
    const step = secondStepOf(await session.signIn(ANN).catch((error) => error))!;
    expect(step.methods).toEqual(["totp"]);
    await codeStep(session, step, { code: CODE });
    expect(session.getSnapshot().status).toBe("active");
    expect((await stepUp(session)).methods).toEqual(["totp", "recovery"]);
  });
});
