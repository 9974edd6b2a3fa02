import "./style.css";

import { SessionProvider } from "gatepass/react";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";

import { App } from "./App";
import { api, session } from "./session";

createRoot(document.getElementById("root") as HTMLElement).render(
  <StrictMode>
    <SessionProvider session={session}>
      <App api={api} />
    </SessionProvider>
  </StrictMode>,
);
