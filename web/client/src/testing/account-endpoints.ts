/** The endpoints of the test server that need an access token: those of `gatepass/account`, and an echo. */

import { accountOf, type Incoming, type Outgoing, problem, type Row } from "./messages.js";

/** The response to a request of the session `row`, one of `rows`. */
export function answerOwner(request: Incoming, row: Row, rows: ReadonlyMap<string, Row>): Outgoing {
  const { email, sid } = row;
  const own = [...rows.values()].filter((one) => one.email === email && !one.revoked);
  const others = own.filter((one) => one !== row);
  const end = (ended: readonly Row[], reason = "revoked") => {
    for (const one of ended) one.revoked ??= reason;
    return { status: 204 };
  };
  const [path, id] = request.path.split(/(?<=^\/auth\/sessions\/)/);
  const { password, current = password } = (request.body ?? {}) as { password?: string; current?: string };
  const asOwner = (act: () => Outgoing) => (current === "right" ? act() : problem(403, "invalid-credentials"));
  switch (`${request.method} ${path}`) {
    case "GET /auth/sessions":
      return { status: 200, body: { sessions: own.map((one) => describe(one, sid)).reverse() } };
    case "DELETE /auth/sessions/": {
      const found = own.filter((one) => one.sid === id);
      return found.length ? end(found) : problem(404, "not-found");
    }
    case "POST /auth/logout-others":
      return end(others);
    case "POST /auth/email":
      return asOwner(() => ({ status: 202 }));
    case "POST /auth/account/delete":
      return asOwner(() => end(own));
    case "POST /auth/links": {
      const { paths } = request.body as { paths: readonly string[] };
      const links = paths.map((path) => `${path}${path.includes("?") ? "&" : "?"}gp_link=${sid}`);
      return { status: 200, body: { links, expires_in: 600 } };
    }
    case "GET /auth/me":
      return { status: 200, body: accountOf(email) };
    default:
      return { status: 200, body: { email, method: request.method, echo: request.body } };
  }
}

function describe(row: Row, current: string) {
  return {
    id: row.sid,
    client: "Firefox on Linux",
    created_at: 1_700_000_000,
    last_used_at: row.committedAt,
    expires_at: row.committedAt + 2_592_000,
    address: "203.0.113.0/24",
    remember: true,
    methods: ["pwd"],
    acr: null,
    authenticated_at: 1_700_000_000,
    current: row.sid === current,
  };
}
