// @vitest-environment happy-dom

/** The form of docs/guides/mail-codes.md, which applications copy. */

import { readFileSync } from "node:fs";
import { cleanup, render, screen } from "@testing-library/react";
import { StrictMode } from "react";
import { afterEach, describe, expect, it, vi } from "vitest";

import { GatepassError } from "../src/errors.js";
import { fakeSession } from "../src/testing.js";
import { press, type } from "./components/acts.js";
import { MailCodeForm } from "./components/mail-code-form.js";
import { useFakeClock } from "./fake/clock.js";

useFakeClock();
Object.assign(globalThis, { IS_REACT_ACT_ENVIRONMENT: true });
afterEach(cleanup);

const refusal = (code: string, status = 401) => new GatepassError("http", { status, problem: { code } });

function shown() {
  const session = fakeSession({ status: "anonymous" });
  const [onDone, onFailed, enter] = [vi.fn(), vi.fn(), vi.spyOn(session, "enter")];
  render(
    <StrictMode>
      <MailCodeForm session={session} onDone={onDone} onFailed={onFailed} />
    </StrictMode>,
  );
  return { session, onDone, onFailed, enter };
}

const ADDRESS = "E-mail address";
const CODE = "The code in the mail";

describe("the form", () => {
  it("asks for the address, says that a mail comes if there is an account, and takes the code", async () => {
    const { onDone, enter } = shown();
    expect(document.activeElement).toBe(screen.getByLabelText(ADDRESS));
    await type(ADDRESS, "ann@example.com");
    const field = screen.getByLabelText(CODE);
    expect(document.activeElement).toBe(field);
    expect(field.getAttribute("autocomplete")).toBe("one-time-code");
    expect(screen.getByRole("status").textContent).toContain("If there is an account for ann@example.com");
    await type(CODE, "7k3m q2vx");
    expect(enter.mock.calls).toEqual([
      ["/login/mail-code/request", { email: "ann@example.com" }],
      ["/login/mail-code", { ticket: "gp_mc_x", code: "7k3m q2vx", remember: true }],
    ]);
    expect(onDone).toHaveBeenCalledOnce();
  });

  it("sends the mail again with the ticket that it has", async () => {
    const { enter } = shown();
    await type(ADDRESS, "ann@example.com");
    await press("Send it again");
    expect(enter.mock.calls.at(-1)).toEqual([
      "/login/mail-code/request",
      { email: "ann@example.com", ticket: "gp_mc_x" },
    ]);
  });

  it("tells a fault at the field, and is ready for the next code", async () => {
    const { session, onDone } = shown();
    await type(ADDRESS, "ann@example.com");
    session.refuse(refusal("invalid-mail-code"));
    await type(CODE, "0000-0000");
    expect(screen.getByRole("alert").textContent).toContain("wrong");
    expect(screen.getByLabelText(CODE).getAttribute("aria-invalid")).toBe("true");
    expect(document.activeElement).toBe(screen.getByLabelText(CODE));
    await type(CODE, "7K3M-Q2VX");
    expect(onDone).toHaveBeenCalledOnce();
  });

  it("begins again where a code took too long", async () => {
    const { session, onFailed } = shown();
    await type(ADDRESS, "ann@example.com");
    session.refuse(refusal("sign-in-expired", 400));
    await type(CODE, "7K3M-Q2VX");
    expect(screen.getByLabelText(ADDRESS)).toBeTruthy();
    expect(screen.getByRole("alert").textContent).toContain("another code");
    expect(onFailed).not.toHaveBeenCalled();
  });

  it("hands a second step to the page, and goes back to another address", async () => {
    const { session, onFailed } = shown();
    await type(ADDRESS, "ann@example.com");
    session.refuse(refusal("second-factor-required"));
    await type(CODE, "7K3M-Q2VX");
    expect(onFailed).toHaveBeenCalledOnce();
    await press("Another address");
    expect(screen.getByLabelText(ADDRESS)).toBeTruthy();
  });
});

it("is shown in the guide as it is here", () => {
  const at = (path: string) => readFileSync(new URL(path, import.meta.url), "utf8");
  expect(at("../../../docs/guides/mail-codes.md")).toContain(at("./components/mail-code-form.tsx").trim());
});
