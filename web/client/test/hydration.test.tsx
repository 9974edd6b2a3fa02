// @vitest-environment happy-dom

/** A page that a server has rendered, taken over by a browser whose session has an answer already. */

import { act } from "react";
import { hydrateRoot } from "react-dom/client";
import { renderToString } from "react-dom/server";
import { expect, it } from "vitest";

import { RequireSession, SessionProvider, useAccount, useSession } from "../src/react.js";
import { fakeSession } from "../src/testing.js";

Object.assign(globalThis, { IS_REACT_ACT_ENVIRONMENT: true });

function Bar() {
  const status = useSession((snapshot) => snapshot.status);
  const account = useAccount();
  return (
    <button type="button" disabled={status === "unknown"}>
      {account?.email ?? "Sign in"}
    </button>
  );
}

it.each(["active", "anonymous"] as const)("finds no difference where the session is %s before it", async (status) => {
  const session = fakeSession({ status });
  const page = (
    <SessionProvider session={session}>
      <Bar />
      <RequireSession fallback={<p>One moment</p>}>
        <p>Notes</p>
      </RequireSession>
    </SessionProvider>
  );
  const element = document.createElement("div");
  element.innerHTML = renderToString(page);
  expect(element.textContent).toBe("Sign inOne moment");
  const differences: unknown[] = [];
  await act(async () => {
    hydrateRoot(element, page, { onRecoverableError: (error) => differences.push(error) });
  });
  expect(differences).toEqual([]);
  expect(element.textContent).toBe(status === "active" ? "ann@example.comNotes" : "Sign inOne moment");
});
