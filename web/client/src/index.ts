/** Gatepass for browsers: sign in once, stay signed in. Bindings: gatepass/fetch, /axios, /react, /redux. */

export { type ErrorFacts, type ErrorKind, GatepassError, type Problem } from "./errors.js";
export { createSession } from "./session.js";
export type {
  Account,
  Credentials,
  EndReason,
  EventOf,
  Pass,
  RefreshEvent,
  RequestEvent,
  RequestPhase,
  Session,
  SessionEvent,
  SessionOptions,
  Snapshot,
  Status,
  StatusEvent,
  Trigger,
} from "./types.js";
