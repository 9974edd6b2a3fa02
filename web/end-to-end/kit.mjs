/**
 * The same few tests of an application with `gatepass/testing`, for every runner. `test` is the runner's; the checks are
 * Node's, which all runners have.
 */

import assert from "node:assert/strict";
import { createSession } from "gatepass";
import { createClient } from "gatepass/fetch";
import { fakeSession, faultServer, problem } from "gatepass/testing";

const ANN = { email: "ann@example.com", password: "right" };

function application() {
  const { server, network, fetch } = faultServer();
  const session = createSession({ baseURL: "http://localhost:8000/auth", fetch, stateCookie: "gatepass_state_8000" });
  return { server, network, session, api: createClient({ baseURL: "http://localhost:8000/api", session, fetch }) };
}

export function define(test) {
  test("a component reads a session that the test controls", async () => {
    const fake = fakeSession({ status: "anonymous" });
    await fake.signIn(ANN);
    assert.equal(fake.getSnapshot().account.email, "ann@example.com");
    fake.end("revoked");
    assert.equal(fake.getSnapshot().reason, "revoked");
  });

  test("a refresh that loses its answer signs nobody out", async () => {
    const { server, network, session, api } = application();
    await session.signIn(ANN);
    network.faults = ["lose-answer"];
    assert.equal((await session.refresh()).status, "degraded");
    assert.equal((await session.refresh()).status, "active");
    assert.equal((await api.get("notes")).data.email, "ann@example.com");
    assert.equal(server.cases("reuse"), 0);
    session.close();
  });

  test("an answer of the test is what the application gets", async () => {
    const { server, session, api } = application();
    await session.signIn(ANN);
    server.answers = [() => problem(503, "overloaded")];
    await assert.rejects(api.get("notes"), { kind: "http", status: 503 });
    session.close();
  });

  test("a bug of the test itself is no failure of the network", async () => {
    const { server, session, api } = application();
    await session.signIn(ANN);
    server.answers = [
      () => {
        throw new Error("expected a member 'title'");
      },
    ];
    await assert.rejects(api.get("notes"), /expected a member 'title'/);
    session.close();
  });
}
