import { createAccount, createClient, createSession, failureOf } from "/auth/gatepass.js";

const session = createSession({ baseURL: "/auth" });
const account = createAccount({ baseURL: "/auth", session });
const api = createClient({ baseURL: "/api", session });
const find = (selector) => document.querySelector(selector);

const SENTENCES = {
  "invalid-credentials": "Wrong address or password.",
  "invalid-link": "This link was used, or is too old. Ask for another one.",
  "password-too-short": "At least 15 characters: a few words are easiest to remember.",
  "password-blocklisted": "Attackers try this password first. Choose another one.",
  "too-many-attempts": "Too many attempts. Wait a little.",
};

// A mailed link leads to /verify#token=… or /reset#token=…; the token must not stay in the history.
let token = new URLSearchParams(location.hash.slice(1)).get("token");
if (token) history.replaceState(null, "", location.pathname);

function say(text) {
  find("[role=status]").textContent = text;
}

function onSubmit(selector, work) {
  find(selector).addEventListener("submit", async (event) => {
    event.preventDefault();
    try {
      say((await work(Object.fromEntries(new FormData(event.target)), event.submitter?.value)) ?? "");
      event.target.reset();
    } catch (error) {
      say(SENTENCES[failureOf(error).code] ?? "That did not work. Try again.");
    }
  });
}

function addLine({ text }) {
  find("ul").append(Object.assign(document.createElement("li"), { textContent: text }));
}

let shown = null; // the session whose notes are on the page

async function show() {
  const { status, sessionId } = session.getSnapshot();
  const isIn = status === "active" || status === "degraded";
  const part = token ? location.pathname.slice(1) : isIn ? "main" : "sign-in";
  for (const each of ["sign-in", "verify", "reset"]) find(`#${each}`).hidden = status === "unknown" || each !== part;
  find("main").hidden = part !== "main";
  const id = isIn ? sessionId : null; // known before the session has been resumed
  if (id === shown) return;
  shown = id;
  find("ul").replaceChildren();
  if (isIn) (await api.get("/notes")).data.forEach(addLine);
}

onSubmit("#sign-in", async ({ email, password }, choice) => {
  if (choice === "forgot") {
    await account.forgotPassword(email);
    return "Look into your mail."; // the same for every address
  }
  if (choice !== "new") return void (await session.signIn({ email, password }));
  return (await session.signUp({ email, password })) ? "" : "Look into your mail.";
});
onSubmit("#verify", async ({ password }) => {
  await session.verify({ token, password });
  await leave();
});
onSubmit("#reset", async ({ password }) => {
  await account.resetPassword(token, password);
  await leave();
  return "Sign in with the new password.";
});
onSubmit("#add", async ({ text }) => addLine((await api.post("/notes", { text })).data));
find("#out").addEventListener("click", () => session.signOut());

/** The link has been used: go on with the page itself. */
async function leave() {
  token = null;
  history.replaceState(null, "", "/");
  await show();
}

session.subscribe(() => void show());
await session.start(); // resumes from the cookie, if there is a session
say("");
await show();
