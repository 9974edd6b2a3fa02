/** An application as people write it without a bundler: one import, from the server itself. */

import { createClient, createLoading, createSession, onErrors, retry, showProgress } from "/auth/gatepass.js";

const session = createSession({ baseURL: "/auth" });
const loading = createLoading({ delay: 0 });
const api = createClient({ baseURL: "/", session, layers: [loading.layer, retry()] });
showProgress(loading);
const [form, says] = [document.querySelector("form"), document.querySelector("[role=status]")];

function show() {
  const { status, account } = session.getSnapshot();
  says.textContent = account ? `${status}: ${account.email}` : status;
}

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const { email, password } = Object.fromEntries(new FormData(form));
  const sign = event.submitter.value === "up" ? session.signUp : session.signIn;
  await sign({ email, password }).catch((error) => {
    says.textContent = error.problem?.code ?? error.kind;
  });
});
document.querySelector("#call").addEventListener("click", async () => {
  const { data } = await api.get("/api/ping");
  says.textContent = `called with ${data.jti}`;
});
document.querySelector("#out").addEventListener("click", () => session.signOut());

onErrors(api, {
  default: ({ kind, status }) => {
    says.textContent = `failed: ${status ?? kind}`;
  },
});
session.subscribe(show);
await session.start();
show();
