// @vitest-environment happy-dom
import { cleanup, fireEvent, render, screen } from "@testing-library/react";
import { GatepassError } from "gatepass";
import { createClient } from "gatepass/fetch";
import { fakeSession } from "gatepass/testing";
import { afterEach, expect, test } from "vitest";
import { App } from "./App";

afterEach(cleanup);

function show(status: "anonymous" | "active") {
  const session = fakeSession({ status });
  const answer = async () => Response.json([{ id: 1, text: "milk" }]);
  render(
    <App session={session} api={createClient({ baseURL: "https://notes.example/api", session, fetch: answer })} />,
  );
  return session;
}

async function signIn() {
  fireEvent.change(await screen.findByLabelText("E-mail"), { target: { value: "ann@example.com" } });
  fireEvent.change(screen.getByLabelText("Password"), { target: { value: "seven green bottles" } });
  fireEvent.click(screen.getByText("Sign in"));
}

test("a visitor signs in and sees the notes", async () => {
  show("anonymous");
  await signIn();
  expect(await screen.findByText("milk")).toBeTruthy();
});

test("a server that is away gets a sentence", async () => {
  const session = show("anonymous");
  session.refuse(new GatepassError("network"));
  await signIn();
  expect(await screen.findByText("The server cannot be reached.")).toBeTruthy();
});

test("a session that the server ended leads back to the form", async () => {
  const session = show("active");
  await screen.findByText("milk");
  session.end("revoked");
  expect(await screen.findByLabelText("E-mail")).toBeTruthy();
});
