/** The page. `api` attaches the access token and renews it; the session lives in a cookie that no script can read. */

import { createClient, createSession } from "/auth/gatepass.js";

const session = createSession({ baseURL: "/auth" });
const api = createClient({ baseURL: "/api", session });
const find = (id) => document.getElementById(id);

/** Run what may fail, and show its fault. */
async function attempt(action) {
  find("fault").textContent = "";
  try {
    await action();
  } catch (error) {
    find("fault").textContent = error.problem?.detail ?? "The server cannot be reached. Try again.";
    if (!error.isGatepassError) throw error;
  }
}

let shown = null;

/** The form without a session, the notes with one. After a reload the status is `unknown` for a moment: neither. */
function show() {
  const { status, account, sessionId } = session.getSnapshot();
  const isIn = status === "active" || status === "degraded";
  const owner = isIn ? sessionId : null;
  find("sign-in").hidden = isIn || status === "unknown";
  find("notes").hidden = !isIn;
  find("who").textContent = account?.email ?? "";
  if (owner !== shown) {
    shown = owner;
    find("list").replaceChildren();
    if (isIn) attempt(loadNotes);
  }
}

async function loadNotes() {
  const { data } = await api.get("/notes");
  find("list").replaceChildren(...data.map(itemOf));
}

function itemOf({ id, text }) {
  const item = document.createElement("li");
  const button = document.createElement("button");
  button.textContent = "Delete";
  button.setAttribute("aria-label", `Delete: ${text}`);
  button.addEventListener("click", () => attempt(() => api.delete(`/notes/${id}`).then(() => item.remove())));
  item.append(text, " ", button);
  return item;
}

find("sign-in").addEventListener("submit", (event) => {
  event.preventDefault();
  const { email, password } = Object.fromEntries(new FormData(event.target));
  attempt(() => session[event.submitter.value]({ email, password }));
});

find("new-note").addEventListener("submit", (event) => {
  event.preventDefault();
  const { text } = Object.fromEntries(new FormData(event.target));
  attempt(async () => {
    const { data } = await api.post("/notes", { text });
    find("list").append(itemOf(data));
    event.target.reset();
  });
});

find("sign-out").addEventListener("click", () => attempt(() => session.signOut()));

session.subscribe(show);
session.start().then(show);
