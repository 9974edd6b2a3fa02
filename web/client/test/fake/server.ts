/** The server of the kit that is shipped: `gatepass/testing`. */

export { FaultServer as FakeServer } from "../../src/testing/fault-server.js";
export { accountOf, type Incoming, type Outgoing, problem } from "../../src/testing/messages.js";
