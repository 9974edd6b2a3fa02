// The script of the resume page: refreshes with the key that only this browser has, and goes on to the page that a
// person asked for (PROTOCOL §10). It runs as it is: the browser client is the only thing that is built.
import { createSession } from "./gatepass.js";

const TRIES = 6;
const { signIn, resumed } = document.documentElement.dataset;
const query = new URLSearchParams(location.search);
const session = createSession({ baseURL: new URL(".", import.meta.url).href });

/** A path of this origin, whatever the query says; the server has refused anything else already. */
function next() {
  const url = new URL(query.get("next") ?? "/", location.origin);
  return url.origin === location.origin ? url.pathname + url.search : "/";
}

/** Goes on. The cookie tells the server that this was tried: it sends nobody here twice in a row. */
function goOn() {
  const secure = location.protocol === "https:" ? "; Secure" : "";
  document.cookie = `${resumed}=1; Path=/; Max-Age=30; SameSite=Lax${secure}`;
  location.replace(next());
}

function leave(reason) {
  if (query.has("optional")) return goOn();
  if (!signIn) return say("ended");
  const url = new URL(signIn, location.origin);
  url.searchParams.set("next", next());
  if (reason) url.searchParams.set("reason", reason);
  location.replace(url.href);
}

function say(id) {
  for (const each of document.querySelectorAll("[data-says]")) each.hidden = each.id !== id;
}

async function resume() {
  let { status, reason } = await session.start();
  for (let tries = 0; status === "degraded" && tries < TRIES; tries++) {
    say("waiting");
    await new Promise((done) => setTimeout(done, 500 * 2 ** tries));
    ({ status, reason } = await session.refresh());
  }
  if (status === "active") goOn();
  else if (status === "degraded") say("unreachable");
  else leave(reason);
}

resume();
