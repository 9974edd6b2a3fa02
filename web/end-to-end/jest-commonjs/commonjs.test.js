const assert = require("node:assert/strict");
const { createSession, GatepassError } = require("gatepass");
const { createClient } = require("gatepass/fetch");
const { faultServer } = require("gatepass/testing");

test("a page that Jest has translated to CommonJS signs in, and reads", async () => {
  const { fetch } = faultServer();
  const session = createSession({ baseURL: "http://localhost:8000/auth", fetch });
  await session.signIn({ email: "ann@example.com", password: "right" });
  const { data } = await createClient({ session, fetch }).get("/api/notes");
  assert.equal(data.email, "ann@example.com");
  await assert.rejects(session.signIn({ email: "ann@example.com", password: "wrong" }), GatepassError);
  session.close(); // else its channel to other tabs keeps the process
});
