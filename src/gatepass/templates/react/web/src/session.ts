/** The session and the API client. The rest of the page makes calls and reads `useSession()`: no tokens. */

import { createSession } from "gatepass";
import { createClient } from "gatepass/fetch";

export const session = createSession({ baseURL: "/auth" });

export const api = createClient({ baseURL: "/api", session });
