/** What a person does with the forms for factors, and waits for. */

import { act, fireEvent, render, screen } from "@testing-library/react";
import { StrictMode } from "react";
import { expect, vi } from "vitest";
import { createFactors } from "../../src/factors.js";
import { pass } from "../fake/clock.js";
import { signedIn } from "../fake/world.js";
import { Passkeys } from "./passkeys.js";

/** Types into the only field, and sends it. */
export async function type(label: string, code: string) {
  fireEvent.change(screen.getByLabelText(label), { target: { value: code } });
  await act(async () => {
    fireEvent.submit(screen.getByLabelText(label).closest("form")!);
    await pass(1);
  });
}

export const press = (name: string) =>
  act(async () => {
    screen.getByRole("button", { name }).click();
    await pass(1);
  });

/** Returns once `holds` does: keys and bodies are real, and take turns of the event loop that no clock counts. */
export async function until(holds: () => unknown) {
  for (let turn = 0; turn < 5_000 && !holds(); turn++)
    await act(async () => {
      await pass(0.01);
      await new Promise((resolve) => setImmediate(resolve));
    });
  expect(holds()).toBeTruthy();
}

/** Ann, with what the list of her passkeys needs. */
export async function owner() {
  const made = await signedIn();
  const fetch: typeof globalThis.fetch = (input, init) => made.profile.send(`${input}`, init);
  return { ...made, factors: createFactors({ baseURL: "http://localhost:8000/auth", session: made.session, fetch }) };
}

export async function list() {
  const made = await owner();
  const onFailed = vi.fn();
  const list = <Passkeys session={made.session} factors={made.factors} onFailed={onFailed} />;
  await act(async () => void render(<StrictMode>{list}</StrictMode>));
  return { ...made, onFailed };
}

export const button = (name: string) => screen.queryByRole("button", { name });

/** Types a name for a new passkey, and waits until it is in the list. */
export async function addOne() {
  await type("Name of the new passkey", " My phone ");
  await until(() => button("Rename My phone"));
}
