/**
 * What the browser client adds to a request: bare fetch against createClient, a bare Axios instance against one with a
 * session. In Node, over a transport that answers at once.
 *
 *     python3 run.py bench browser_client [--requests 2000] [--rounds 21] [--short]
 *
 * Caveats first. Nothing goes over a network, so nearly all that is measured is JavaScript, in CPU time of the process
 * (its garbage collector included), which other programs disturb least: the difference is what the client costs, the
 * ratio says little. The bare call does what one would write by hand: the token as a header, the status looked at, the
 * JSON parsed. Variants take turns in every round, each time in another order; the table shows medians over the rounds
 * and their quartiles. A browser's own fetch takes longer than all of it.
 */

import { parseArgs } from "node:util";

import { attachAxios } from "../web/client/dist/axios.js";
import { createClient } from "../web/client/dist/fetch.js";
import { createSession } from "../web/client/dist/index.js";
import axios from "../web/node_modules/axios/index.js";

const { values } = parseArgs({
  options: { requests: { type: "string" }, rounds: { type: "string" }, short: { type: "boolean" } },
});
const defaults = values.short ? [20, 1] : [2000, 21];
const [requests, rounds] = [Number(values.requests ?? defaults[0]), Number(values.rounds ?? defaults[1])];

const ORIGIN = "https://api.example.com";
const BODY = JSON.stringify({ items: Array.from({ length: 45 }, (_, index) => index) });
const JSON_TYPE = { "Content-Type": "application/json" };
const GRANT = {
  access_token: "t".repeat(400),
  token_type: "Bearer",
  expires_in: 3_600,
  session_id: "ab".repeat(16),
  refresh_generation: 0,
  refresh_challenge: "AAAAAAAAAAA",
  account: { id: "1", email: "ann@example.com", created_at: 1 },
};

const transport = async () => new Response(BODY, { headers: JSON_TYPE });
const adapter = async (config) => ({
  data: BODY,
  status: 200,
  statusText: "OK",
  headers: new axios.AxiosHeaders(JSON_TYPE),
  config,
});
const scope = { fetch: async () => Response.json(GRANT), performance, crypto };

const session = createSession({ baseURL: `${ORIGIN}/auth` }, scope);
await session.signIn({ email: "ann@example.com", password: "right" });

const setup = { baseURL: `${ORIGIN}/api`, session, fetch: transport };
const client = createClient(setup);
const busy = createClient({ ...setup, layers: [(call, next) => next(call), (call, next) => next(call)] });
for (let count = 0; count < 2; count++) {
  busy.interceptors.request.use((request) => request);
  busy.interceptors.response.use((response) => response);
}
const bare = axios.create({ baseURL: `${ORIGIN}/api`, adapter });
const attached = axios.create({ baseURL: `${ORIGIN}/api`, adapter });
attachAxios(attached, { session });
const headers = { Authorization: `Bearer ${GRANT.access_token}` };

const VARIANTS = {
  "bare fetch": async () => {
    const response = await transport(`${ORIGIN}/api/items`, { method: "GET", headers });
    if (!response.ok) throw new Error(response.statusText);
    return response.json();
  },
  createClient: () => client.get("/items"),
  "… with 2 layers and 4 interceptors": () => busy.get("/items"),
  "bare Axios": () => bare.get("/items", { headers }),
  "Axios with a session": () => attached.get("/items"),
};

/** Microseconds of CPU per request. */
async function measure(send) {
  const before = process.cpuUsage();
  for (let count = 0; count < requests; count++) await send();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / requests;
}

function quantile(sorted, share) {
  return sorted[Math.round((sorted.length - 1) * share)];
}

const taken = new Map(Object.keys(VARIANTS).map((name) => [name, []]));
for (let round = -2; round < rounds; round++) {
  const names = Object.keys(VARIANTS);
  const turned = names.map((_, index) => names[(index + round + names.length) % names.length]);
  for (const name of turned) {
    const micros = await measure(VARIANTS[name]);
    // The first two rounds warm up.
    if (round >= 0) taken.get(name).push(micros);
  }
}

console.log(`Node ${process.version}, ${rounds} rounds of ${requests} requests, one after the other\n`);
console.log(`${"".padEnd(36)}µs/request  quartiles      added`);
let base = 0;
for (const [name, list] of taken) {
  const sorted = list.sort((one, other) => one - other);
  const middle = quantile(sorted, 0.5);
  const isBare = name.startsWith("bare");
  if (isBare) base = middle;
  const spread = `${quantile(sorted, 0.25).toFixed(1)}–${quantile(sorted, 0.75).toFixed(1)}`;
  const added = isBare ? "" : `+${(middle - base).toFixed(1)}`;
  console.log(`${name.padEnd(36)}${middle.toFixed(1).padStart(10)}  ${spread.padEnd(12)} ${added.padStart(7)}`);
}
