/** Starts the page: observes the session and renders. The provider resumes the session from its cookie. */

import "./styles/tokens.css";
import "./styles/base.css";
import "./styles/controls.css";
import "./styles/newest-event.css";
import "./styles/layout.css";
import "./styles/welcome.css";
import "./styles/pass.css";
import "./styles/logbook.css";
import "./styles/experiments.css";
import "./styles/theft.css";
import "./styles/keys.css";
import "./styles/lists.css";

import { SessionProvider } from "gatepass/react";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { Provider } from "react-redux";

import { session } from "./gate";
import { observe } from "./observe";
import { store } from "./store";
import { App } from "./view/App";

observe(store.dispatch);

createRoot(document.getElementById("root") as HTMLElement).render(
  <StrictMode>
    <Provider store={store}>
      <SessionProvider session={session}>
        <App />
      </SessionProvider>
    </Provider>
  </StrictMode>,
);
