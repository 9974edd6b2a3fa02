// @vitest-environment happy-dom

/** The forms of docs/guides/second-factor-forms.md, which applications copy. */

import { readFileSync } from "node:fs";
import { cleanup, render, screen } from "@testing-library/react";
import axe from "axe-core";
import { StrictMode } from "react";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { GatepassError } from "../src/errors.js";
import { createFactors, type SecondStep } from "../src/factors.js";
import { FakeFactors, fakeSession } from "../src/testing.js";
import { addOne, list, press, type } from "./components/acts.js";
import { AuthenticatorSetup, LostFactors, LostFactorsPage, SecondStepForm } from "./components/second-factors.js";
import { useFakeClock } from "./fake/clock.js";
import { FakeDevice } from "./fake/device.js";
import { signedIn } from "./fake/world.js";

useFakeClock();
Object.assign(globalThis, { IS_REACT_ACT_ENVIRONMENT: true });
afterEach(cleanup);

let device: FakeDevice;
beforeEach(() => {
  device = new FakeDevice();
  device.install();
});

afterEach(() => vi.unstubAllGlobals());
const step: SecondStep = { methods: ["totp", "passkey", "recovery"], ticket: "gp_st_x", expires_in: 300 };
const refusal = (code: string) => new GatepassError("http", { status: 401, problem: { code } });

function challenge(methods = step.methods) {
  const session = fakeSession({ status: "anonymous" });
  const [onDone, onFailed, enter] = [vi.fn(), vi.fn(), vi.spyOn(session, "enter")];
  render(
    <StrictMode>
      <SecondStepForm session={session} step={{ ...step, methods }} onDone={onDone} onFailed={onFailed} />
    </StrictMode>,
  );
  return { session, onDone, onFailed, enter };
}

describe("the second step", () => {
  it("has a field that is named, has the focus, and is what devices fill in", async () => {
    const { onDone, enter } = challenge();
    const field = screen.getByLabelText("Code of your authenticator app");
    expect(document.activeElement).toBe(field);
    expect([field.getAttribute("autocomplete"), field.getAttribute("inputmode")]).toEqual(["one-time-code", "numeric"]);
    await type("Code of your authenticator app", "287 082");
    expect(enter.mock.calls).toEqual([["/login/totp", { ticket: "gp_st_x", code: "287082" }]]);
    expect(onDone).toHaveBeenCalledOnce();
  });

  it("says what is wrong at the field, and is ready for the next code", async () => {
    const { session, onDone, onFailed } = challenge();
    session.refuse(refusal("invalid-code"));
    await type("Code of your authenticator app", "000000");
    const field = screen.getByLabelText("Code of your authenticator app");
    expect(field.getAttribute("aria-invalid")).toBe("true");
    const told = document.getElementById(field.getAttribute("aria-describedby")!)!;
    expect([told.getAttribute("role"), told.textContent]).toEqual(["alert", expect.stringContaining("wrong")]);
    expect(document.activeElement).toBe(field);
    await type("Code of your authenticator app", "287082");
    expect([onDone.mock.calls.length, onFailed.mock.calls.length]).toEqual([1, 0]);
  });

  it("hands a sign-in that is over to the page", async () => {
    const { session, onFailed } = challenge();
    session.refuse(refusal("sign-in-expired"));
    await type("Code of your authenticator app", "287082");
    expect(onFailed).toHaveBeenCalledOnce();
  });

  it("takes a recovery code where the phone is gone", async () => {
    const { enter } = challenge();
    await press("I do not have my phone");
    expect(document.activeElement).toBe(screen.getByLabelText("Recovery code"));
    await type("Recovery code", "7K3M-Q2VX");
    expect(enter.mock.calls).toEqual([["/login/recovery", { ticket: "gp_st_x", code: "7K3M-Q2VX" }]]);
  });

  it("offers what the account has, and nothing else", () => {
    challenge(["passkey"]);
    expect(screen.getAllByRole("button").map(({ textContent }) => textContent)).toEqual(["Use a passkey"]);
    expect(screen.queryByRole("textbox")).toBeNull();
    expect(document.activeElement).toBe(screen.getByRole("button"));
  });

  it("says that no passkey was used, also where there is no field", async () => {
    challenge(["passkey"]);
    device.answer = () => {
      throw new DOMException("", "NotAllowedError");
    };
    await press("Use a passkey");
    expect(screen.getByRole("alert").textContent).toContain("No passkey was used");
  });

  it("offers no passkey in a browser without them", () => {
    vi.stubGlobal("PublicKeyCredential", undefined);
    challenge(["passkey", "totp"]);
    expect(screen.queryByRole("button", { name: "Use a passkey" })).toBeNull();
  });
});

describe("lost factors", () => {
  const actions = () => ({ onSignIn: vi.fn(), onDone: vi.fn(), onFailed: vi.fn() });

  it("are told of, and then the page says when the mailed link works", async () => {
    const session = fakeSession({ status: "anonymous" });
    const recovery = { requested_at: 1, ready_at: 1_800_000_000, ends_at: 1_800_600_000 };
    vi.spyOn(session, "post").mockResolvedValue({ status: 202, problem: recovery, sentAt: 0 });
    render(<LostFactors session={session} step={step} onFailed={vi.fn()} />);
    await press("I have lost my phone and my codes");
    const said = screen.getByRole("status").textContent;
    expect(said).toContain(new Date(1_800_000_000_000).toLocaleString());
  });

  it("stay or go on the page of the link, by a button and not by opening it", async () => {
    const session = fakeSession({ status: "anonymous" });
    const [post, enter, given] = [vi.spyOn(session, "post"), vi.spyOn(session, "enter"), actions()];
    const { rerender } = render(<LostFactorsPage session={session} token="gp_fr_x" step={null} {...given} />);
    await press("I have lost it: sign in");
    expect([given.onSignIn.mock.calls.length, post.mock.calls, enter.mock.calls]).toEqual([1, [], []]);
    rerender(<LostFactorsPage session={session} token="gp_fr_x" step={step} {...given} />);
    enter.mockRejectedValueOnce(refusal("recovery-not-ready"));
    await press("Remove it and sign in");
    expect(screen.getByRole("alert").textContent).toBe("It is too early. The mail says when the link works.");
    await press("Remove it and sign in");
    expect(enter.mock.calls.at(-1)).toEqual([
      "/login/factor-recovery/complete",
      { ticket: "gp_st_x", token: "gp_fr_x" },
    ]);
    expect(given.onDone).toHaveBeenCalledOnce();
    await press("Keep my second step");
    expect(post.mock.calls).toEqual([["/factor-recovery/cancel", { token: "gp_fr_x" }]]);
    expect(screen.getByRole("status").textContent).toContain("stays");
  });
});

describe("adding an authenticator app", () => {
  it("shows the secret, takes the first code, and shows the recovery codes until they are kept", async () => {
    const { profile, session } = await signedIn();
    const fetch: typeof globalThis.fetch = (input, init) => profile.send(`${input}`, init);
    const factors = createFactors({ baseURL: "http://localhost:8000/auth", session, fetch });
    const onDone = vi.fn();
    render(<AuthenticatorSetup factors={factors} onDone={onDone} onFailed={vi.fn()} />);
    await press("Add an authenticator app");
    expect(screen.getByRole("link").getAttribute("href")).toMatch(/^otpauth:/);
    await type("The code that the app shows", "000000");
    expect(screen.getByRole("alert").textContent).toContain("wrong");
    await type("The code that the app shows", FakeFactors.CODE);
    expect(screen.getAllByRole("listitem")).toHaveLength(10);
    expect(document.activeElement).toBe(screen.getByRole("heading"));
    expect(onDone).not.toHaveBeenCalled();
    await press("I have kept them");
    expect(onDone).toHaveBeenCalledOnce();
  });

  it("hands a sign-in that is not recent to the page", async () => {
    const onFailed = vi.fn();
    const startTotp = () => Promise.reject(refusal("insufficient-user-authentication"));
    render(<AuthenticatorSetup factors={{ startTotp } as never} onDone={vi.fn()} onFailed={onFailed} />);
    await press("Add an authenticator app");
    expect(onFailed).toHaveBeenCalledOnce();
  });
});

/** What axe finds in the form that is shown, beside what only a page can have or a browser can measure. */
async function faults() {
  vi.useRealTimers(); // axe takes turns by them
  const { violations } = await axe.run(document.body, {
    rules: {
      region: { enabled: false },
      "color-contrast": { enabled: false },
      "page-has-heading-one": { enabled: false },
    },
  });
  return violations.map(({ id, nodes }) => [id, nodes.map(({ html }) => html)]);
}

describe("axe finds nothing wrong", () => {
  it("with the second step, and with its fault", async () => {
    const { session } = challenge();
    session.refuse(refusal("invalid-code"));
    await type("Code of your authenticator app", "000000");
    expect(await faults()).toEqual([]);
  });

  it.each([false, true])("with an app that is being added, and with its codes: %s", async (isConfirmed) => {
    const secret = { secret: "GEZDGNBV", uri: "otpauth://totp/x", qr: "<svg xmlns='http://www.w3.org/2000/svg'/>" };
    const factors = { startTotp: async () => secret, confirmTotp: async () => ["7K3M-Q2VX", "41RN-P8SG"] };
    render(<AuthenticatorSetup factors={factors as never} onDone={vi.fn()} onFailed={vi.fn()} />);
    await press("Add an authenticator app");
    if (isConfirmed) await type("The code that the app shows", "287082");
    expect(screen.queryAllByRole("listitem")).toHaveLength(isConfirmed ? 2 : 0);
    expect(await faults()).toEqual([]);
  });

  it("with a list of passkeys, one of which is being renamed", async () => {
    await list();
    await addOne();
    await press("Rename My phone");
    expect(await faults()).toEqual([]);
  });
});

it("are shown in the guide as they are here", () => {
  const at = (path: string) => readFileSync(new URL(path, import.meta.url), "utf8");
  const guide = at("../../../docs/guides/second-factor-forms.md");
  for (const file of ["second-factors", "passkeys"])
    expect(guide).toContain(`\`\`\`tsx\n${at(`./components/${file}.tsx`)}\`\`\``);
});
