import { createSession } from "gatepass";
import { createClient } from "gatepass/fetch";
import { createRoot } from "react-dom/client";
import { App } from "./App";

const session = createSession({ baseURL: "/auth" }); // one for the whole page
const api = createClient({ baseURL: "/api", session });

const root = document.getElementById("root");
if (root) createRoot(root).render(<App session={session} api={api} />);
