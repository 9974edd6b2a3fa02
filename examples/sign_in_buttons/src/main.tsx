import { createSession } from "gatepass";
import { createAccount } from "gatepass/account";
import { takeSignInError } from "gatepass/providers";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { App } from "./App";

const session = createSession({ baseURL: "/auth" }); // one for the whole page
const account = createAccount({ baseURL: "/auth", session });
const error = takeSignInError(); // before anything is rendered: it is there once

const root = document.getElementById("root");
if (root) {
  createRoot(root).render(
    <StrictMode>
      <App session={session} account={account} error={error} />
    </StrictMode>,
  );
}
