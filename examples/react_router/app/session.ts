/** The session of the browser, which alone can refresh. */

import { createSession } from "gatepass";
import { createClient } from "gatepass/fetch";

export const session = createSession({
  baseURL: "/auth",
  onEnded: () => location.reload(), // what was rendered for this person goes, also in the other tabs
});
export const api = createClient({ baseURL: "/api", session });
