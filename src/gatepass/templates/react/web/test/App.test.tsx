/** The page in a document without a browser, before the fake server of `gatepass/testing`. */

import { cleanup, fireEvent, render, screen } from "@testing-library/react";
import { createSession } from "gatepass";
import { createClient } from "gatepass/fetch";
import { SessionProvider } from "gatepass/react";
import { faultServer, type Incoming } from "gatepass/testing";
import { afterEach, expect, test } from "vitest";

import { App } from "../src/App";

const BASE = "http://localhost:8000";

/** The answer of our own API; the fake server answers under /auth itself. */
const listNotes = ({ path }: Incoming) =>
  path === "/api/notes" ? { status: 200, body: [{ id: 1, text: "water the hedge" }] } : undefined;

function open() {
  const { server, fetch } = faultServer();
  server.answers = Array.from({ length: 9 }, () => listNotes);
  const session = createSession({ baseURL: `${BASE}/auth`, fetch, stateCookie: "gatepass_state_8000" });
  const api = createClient({ baseURL: `${BASE}/api`, session, fetch });
  render(
    <SessionProvider session={session}>
      <App api={api} />
    </SessionProvider>,
  );
  return { server, session };
}

async function signIn(password: string) {
  fireEvent.change(await screen.findByLabelText("E-mail address"), { target: { value: "ann@example.com" } });
  fireEvent.change(screen.getByLabelText("Password"), { target: { value: password } });
  fireEvent.click(screen.getByRole("button", { name: "Sign in" }));
}

afterEach(cleanup);

test("a person signs in, sees the notes, and signs out", async () => {
  open();
  await signIn("right");
  expect(await screen.findByText(/water the hedge/)).toBeTruthy();
  fireEvent.click(screen.getByRole("button", { name: "Sign out" }));
  expect(await screen.findByRole("button", { name: "Sign in" })).toBeTruthy();
});

test("a wrong password is told", async () => {
  open();
  await signIn("wrong");
  expect(await screen.findByRole("alert")).toBeTruthy();
});

test("a session that was ended elsewhere is told", async () => {
  const { server, session } = open();
  await signIn("right");
  await screen.findByLabelText("New note");
  server.revoke(session.getSnapshot().sessionId ?? "", "revoked");
  await session.refresh();
  expect(await screen.findByText(/Your session is over/)).toBeTruthy();
});
