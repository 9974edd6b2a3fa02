/** The server of the kit that is shipped: `gatepass/testing`. */

export {
  accountOf,
  FaultServer as FakeServer,
  type Incoming,
  type Outgoing,
  problem,
} from "../../src/testing/fault-server.js";
