// @vitest-environment happy-dom

/** The forms for passkeys of docs/guides/second-factor-forms.md, which applications copy. */

import { act, cleanup, render, screen } from "@testing-library/react";
import { StrictMode } from "react";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { addPasskey } from "../src/passkeys.js";
import { problem } from "../src/testing/messages.js";
import { addOne, button, list, owner, press, type, until } from "./components/acts.js";
import { PasskeySignIn } from "./components/passkeys.js";
import { pass, settled, useFakeClock } from "./fake/clock.js";
import { FakeDevice } from "./fake/device.js";

useFakeClock();
Object.assign(globalThis, { IS_REACT_ACT_ENVIRONMENT: true });
afterEach(cleanup);

let device: FakeDevice;
beforeEach(() => {
  device = new FakeDevice();
  device.install();
});

afterEach(() => vi.unstubAllGlobals());

describe("the list of passkeys", () => {
  it("adds one with a name, renames and removes it, and the focus is never lost", async () => {
    const { factors, onFailed } = await list();
    await addOne();
    expect(screen.getByRole("status").textContent).toBe("My phone is added.");
    await press("Rename My phone");
    const field = screen.getByLabelText<HTMLInputElement>("New name of My phone");
    expect([document.activeElement === field, field.value]).toEqual([true, "My phone"]);
    await type("New name of My phone", "Old phone");
    await until(() => button("Rename Old phone"));
    expect(document.activeElement).toBe(button("Rename Old phone"));
    await press("Remove Old phone");
    await until(() => screen.queryByRole("listitem") === null);
    expect(document.activeElement).toBe(screen.getByRole("heading", { name: "Passkeys" }));
    expect((await settled(factors.list())).passkeys).toEqual([]);
    expect(onFailed).not.toHaveBeenCalled();
  });

  it("sends nothing for a name that is as it was", async () => {
    const { server } = await list();
    await addOne();
    const before = server.requests.length;
    await press("Rename My phone");
    await type("New name of My phone", "My phone");
    await press("Rename My phone");
    await press("Cancel");
    expect(server.requests.length).toBe(before);
    expect(document.activeElement).toBe(button("Rename My phone"));
  });

  it("says what is wrong, and hands a session that is not strong enough to the page", async () => {
    const { onFailed, server } = await list();
    device.answer = () => {
      throw new DOMException("", "InvalidStateError");
    };
    await type("Name of the new passkey", "My phone");
    await until(() => /has a passkey of your account already/.test(screen.getByRole("alert").textContent));
    server.answers.push(() => problem(401, "insufficient-user-authentication", { acr_values: "mfa" }));
    await type("Name of the new passkey", "My phone");
    await until(() => onFailed.mock.calls.length);
  });
});

describe("signing in with a passkey", () => {
  async function form() {
    const made = await owner();
    await settled(addPasskey(made.session, { name: "My phone" }));
    await settled(made.session.signOut());
    device.asked.length = 0;
    const [onDone, onFailed] = [vi.fn(), vi.fn()];
    const form = <PasskeySignIn session={made.session} onDone={onDone} onFailed={onFailed} />;
    const view = await act(async () => render(<StrictMode>{form}</StrictMode>));
    await until(() => device.asked.length);
    return { ...made, onDone, onFailed, view };
  }
  const asked = () => device.asked.map(([, { mediation }]) => mediation ?? "dialog");

  it("waits in the field once, also where Strict Mode makes the form twice", async () => {
    const { onDone, onFailed } = await form();
    expect(asked()).toEqual(["conditional"]);
    device.take();
    await until(() => onDone.mock.calls.length);
    expect(asked()).toEqual(["conditional"]);
    expect(onFailed).not.toHaveBeenCalled();
  });

  it("opens a dialog by the button, and waits in the field again after one that was closed", async () => {
    const { onDone, onFailed } = await form();
    device.answer = () => {
      throw new DOMException("", "NotAllowedError");
    };
    await press("Sign in with a passkey");
    await until(() => asked().length === 3);
    expect(screen.getByRole("alert").textContent).toContain("No passkey was used");
    expect(asked()).toEqual(["conditional", "dialog", "conditional"]);
    device.answer = () => ({ id: "key-1", type: "public-key" });
    await press("Sign in with a passkey");
    await until(() => onDone.mock.calls.length);
    expect(onFailed).not.toHaveBeenCalled();
  });

  it("ends the wait with the form", async () => {
    const { onFailed, view } = await form();
    view.unmount();
    await pass(1);
    expect(device.asked.at(-1)![1].signal.aborted).toBe(true);
    expect(onFailed).not.toHaveBeenCalled();
  });
});
