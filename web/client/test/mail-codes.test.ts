/** Signing in with a code by mail. */

import { describe, expect, it } from "vitest";

import { codeStep, createFactors, secondStepOf } from "../src/factors.js";
import { requestMailCode, signInByMailCode } from "../src/mail-codes.js";
import { problem } from "../src/testing/messages.js";
import { FakeFactors, fakeSession } from "../src/testing.js";
import { settled, useFakeClock } from "./fake/clock.js";
import { ANN, open, signedIn } from "./fake/world.js";

useFakeClock();

const { CODE, MAIL_CODE } = FakeFactors;

/** Ann, signed out again. */
async function visited() {
  const made = await signedIn();
  await settled(made.session.signOut());
  return made;
}

describe("a code by mail", () => {
  it("signs in with the ticket of who asked, in a session bound to the key that went along", async () => {
    const { profile, server, session } = await visited();
    const asked = await settled(requestMailCode(session, { email: ANN.email }));
    expect(asked).toEqual({ ticket: expect.stringMatching(/^gp_mc_/), expires_in: 600 });
    expect(session.getSnapshot().status).toBe("ended");
    const { binding_secret: key } = server.requests.at(-1)!.body as { binding_secret: string };
    const account = await settled(signInByMailCode(session, asked, { code: "7k3m-q2vx" }));
    expect(account).toMatchObject({ email: ANN.email });
    expect(server.requests.at(-1)!.body).toEqual({ ticket: asked.ticket, code: "7k3m-q2vx", remember: true });
    expect([...server.rows.values()].at(-1)!.binding).toBe(key);
    expect(await settled(open(profile.tab()).start())).toMatchObject({ status: "active" });
    expect(server.log.at(-1)).toMatchObject({ case: "advance", proof: expect.any(String) });
  });

  it("is still good in a page that a phone has loaded anew meanwhile", async () => {
    const { profile, server, session } = await visited();
    const asked = await settled(requestMailCode(session, { email: ANN.email }));
    const kept = JSON.parse(JSON.stringify(asked));
    const later = open(profile.tab());
    await settled(later.start());
    await settled(signInByMailCode(later, kept, { code: MAIL_CODE }));
    await settled(later.refresh());
    expect(later.getSnapshot().status).toBe("active");
    expect(server.log.at(-1)).toMatchObject({ case: "advance", proof: expect.any(String) });
  });

  it("is asked for again with the ticket of before, and without another key", async () => {
    const { server, session } = await visited();
    const asked = await settled(requestMailCode(session, { email: ANN.email, extra: { captcha: "3" } }));
    expect(server.requests.at(-1)!.body).toMatchObject({ email: ANN.email, captcha: "3" });
    expect(await settled(requestMailCode(session, { email: ANN.email, again: asked }))).toEqual(asked);
    expect(server.requests.at(-1)!.body).toEqual({ email: ANN.email, ticket: asked.ticket });
    await settled(signInByMailCode(session, asked, { code: MAIL_CODE, remember: false, extra: { captcha: "4" } }));
    expect(server.requests.at(-1)!.body).toMatchObject({ remember: false, captcha: "4" });
    expect(session.getSnapshot().status).toBe("active");
  });

  it("may be typed again after a mistake, and counts once", async () => {
    const { session } = await visited();
    const asked = await settled(requestMailCode(session, { email: ANN.email, again: null }));
    const type = (code: string) => settled(signInByMailCode(session, asked, { code }));
    await expect(type("0000-0000")).rejects.toMatchObject({ status: 401, problem: { code: "invalid-mail-code" } });
    await type(MAIL_CODE);
    await expect(type(MAIL_CODE)).rejects.toMatchObject({ status: 400, problem: { code: "sign-in-expired" } });
  });

  it("may be typed as a person types it", async () => {
    for (const code of ["7k3m q2vx", "7K3MQ2VX", " 7k3m-q2vx "]) {
      const { session } = await visited();
      const asked = await settled(requestMailCode(session, { email: ANN.email }));
      await settled(signInByMailCode(session, asked, { code }));
      expect(session.getSnapshot().status).toBe("active");
    }
  });

  it("is followed by the second step of an account that has one", async () => {
    const made = await signedIn();
    const fetch: typeof globalThis.fetch = (input, init) => made.profile.send(`${input}`, init);
    const factors = createFactors({ baseURL: "http://localhost:8000/auth", session: made.session, fetch });
    await settled(factors.startTotp());
    await settled(factors.confirmTotp(CODE));
    await settled(made.session.signOut());
    const asked = await settled(requestMailCode(made.session, { email: ANN.email }));
    const typed = signInByMailCode(made.session, asked, { code: MAIL_CODE });
    const step = secondStepOf(await settled(typed).catch((error) => error))!;
    expect(step.methods).toContain("totp");
    expect(await settled(codeStep(made.session, step, { code: CODE }))).toMatchObject({ email: ANN.email });
  });

  it("rejects as every request does", async () => {
    const { server, session } = await visited();
    server.answers.push(() => problem(429, "too-many-attempts"));
    await expect(settled(requestMailCode(session, { email: ANN.email }))).rejects.toMatchObject({ status: 429 });
    server.answers.push(() => ({ status: 200, body: "a page of a proxy" }));
    await expect(settled(requestMailCode(session, { email: ANN.email }))).rejects.toMatchObject({ kind: "http" });
  });

  it("is there in tests of components", async () => {
    const session = fakeSession({ status: "anonymous" });
    const asked = await requestMailCode(session, { email: ANN.email });
    expect(asked).toEqual({ ticket: "gp_mc_x", expires_in: 600 });
    await signInByMailCode(session, asked, { code: MAIL_CODE });
    expect(session.getSnapshot().status).toBe("active");
  });
});
