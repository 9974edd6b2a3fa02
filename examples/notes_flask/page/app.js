import { createClient, createSession, failureOf } from "/auth/gatepass.js";

const session = createSession({ baseURL: "/auth" });
const api = createClient({ baseURL: "/api", session });
const find = (selector) => document.querySelector(selector);

const SENTENCES = {
  "invalid-credentials": "Wrong address or password.",
  "email-taken": "This address has an account. Sign in, or choose another address.",
  "password-too-short": "At least 15 characters: a few words are easiest to remember.",
  "password-blocklisted": "Attackers try this password first. Choose another one.",
  "too-many-attempts": "Too many attempts. Wait a little.",
};

/** Runs the work of a form or a button, and shows a sentence if it fails. */
async function attempt(work) {
  find("[role=alert]").textContent = "";
  try {
    await work();
  } catch (error) {
    const { code } = failureOf(error);
    find("[role=alert]").textContent = SENTENCES[code] ?? "That did not work. Try again.";
  }
}

function onSubmit(selector, work) {
  find(selector).addEventListener("submit", (event) => {
    event.preventDefault();
    const fields = Object.fromEntries(new FormData(event.target));
    void attempt(() => work(fields, event.submitter?.value, event.target));
  });
}

function addLine({ text }) {
  find("ul").append(Object.assign(document.createElement("li"), { textContent: text }));
}

let shown = null; // the session whose notes are on the page

async function show() {
  const { status, account, sessionId } = session.getSnapshot();
  const isIn = status === "active" || status === "degraded";
  find("[role=status]").textContent =
    { degraded: "No connection at the moment.", unknown: "One moment …" }[status] ?? account?.email ?? "";
  find("#sign-in").hidden = isIn || status === "unknown";
  find("main").hidden = !isIn;
  const id = isIn ? sessionId : null; // known before the session has been resumed
  if (id === shown) return;
  shown = id;
  find("ul").replaceChildren();
  if (isIn) await attempt(async () => (await api.get("/notes")).data.forEach(addLine));
}

onSubmit("#sign-in", async ({ email, password }, choice, form) => {
  await (choice === "new" ? session.signUp({ email, password }) : session.signIn({ email, password }));
  form.reset();
});
onSubmit("#add", async ({ text }, _choice, form) => {
  addLine((await api.post("/notes", { text })).data);
  form.reset();
});
find("#out").addEventListener("click", () => session.signOut());

session.subscribe(() => void show());
await session.start(); // resumes from the cookie, if there is a session
await show();
