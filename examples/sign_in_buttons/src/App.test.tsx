// @vitest-environment happy-dom
import { cleanup, fireEvent, render, screen, waitFor } from "@testing-library/react";
import { createSession, GatepassError } from "gatepass";
import { createAccount } from "gatepass/account";
import { fakeSession, faultServer, problem } from "gatepass/testing";
import { StrictMode } from "react";
import { afterEach, expect, test } from "vitest";
import { App } from "./App";

afterEach(cleanup);

const baseURL = "http://localhost:8000/auth";

function visit(error: string | null = null) {
  const session = fakeSession({ status: "anonymous" });
  const account = createAccount({ baseURL, session, fetch: async () => Response.json({}) });
  render(
    <StrictMode>
      <App session={session} account={account} error={error} />
    </StrictMode>,
  );
  return session;
}

const button = (name: string) => screen.findByRole("button", { name });

test("a button leads to its provider, once, and says that it works", async () => {
  const session = visit();
  const google = await button("Sign in with Google");
  google.focus();
  fireEvent.click(google);
  fireEvent.click(google);
  fireEvent.click(await button("Sign in with Microsoft"));
  await waitFor(() => expect(google.getAttribute("aria-busy")).toBe("true"));
  expect(session.departures.map(({ path }) => path)).toEqual(["/oidc/google/start"]);
  expect(document.activeElement).toBe(google);
});

test("what went wrong at the provider is said, and has the focus", async () => {
  visit("access-denied");
  const alert = await screen.findByRole("alert");
  expect(alert.textContent).toBe("You did not sign in there.");
  expect(document.activeElement).toBe(alert);
});

test("a code that is not known here has a sentence too", async () => {
  visit("a-code-of-tomorrow");
  expect((await screen.findByRole("alert")).textContent).toBe("That did not work. Try again.");
});

test("a provider that does not answer leaves the buttons to try again", async () => {
  const session = visit();
  session.refuse(new GatepassError("http", { status: 502, problem: { code: "provider-unavailable" } }));
  fireEvent.click(await button("Sign in with Google"));
  await waitFor(() => expect(screen.getByRole("alert").textContent).toMatch("does not answer"));
  fireEvent.click(await button("Sign in with Google"));
  expect(session.departures).toHaveLength(1);
});

/** Una has signed in with Google before; nothing else is faked. */
async function signedIn() {
  const { server, network, fetch } = faultServer();
  const session = createSession({ baseURL, fetch, stateCookie: "gatepass_state_8000" });
  const account = createAccount({ baseURL, session, fetch });
  await session.signIn({ email: "una@example.com", password: "right" });
  const left: string[] = [];
  await account.link("google", { returnTo: "/", navigate: (location) => left.push(location) });
  await network.comeBack(left[0] ?? "", { subject: "una@gmail.example" });
  render(<App session={session} account={account} error={null} />);
  return { server, session };
}

test("a provider is unlinked, and may be linked again", async () => {
  await signedIn();
  expect(await screen.findByText("una@gmail.example")).toBeTruthy();
  fireEvent.click(await button("Unlink Google"));
  expect(await button("Link Google")).toBeTruthy();
});

test("where a recent sign-in is needed, the page asks for it", async () => {
  const { server } = await signedIn();
  const unlink = await button("Unlink Google");
  const challenge = { "WWW-Authenticate": 'Bearer error="insufficient_user_authentication"' };
  server.answers.push(() => problem(401, "insufficient-user-authentication", {}, challenge));
  fireEvent.click(unlink);
  await waitFor(() => expect(screen.getByRole("alert").textContent).toBe("Sign in again first, please."));
  expect(await button("Sign in with Google")).toBeTruthy();
});
