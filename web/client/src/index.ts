/** Gatepass for browsers: sign in once, stay signed in. Clients: gatepass/fetch and gatepass/axios. */

export {
  type ErrorFacts,
  type ErrorKind,
  GatepassError,
  isGatepassError,
  type Problem,
  type ProblemCode,
} from "./errors.js";
export type { Answer, Call, Layer, LayerOptions } from "./request/layer.js";
export { safeReturn } from "./safe-return.js";
export { createSession } from "./session/session.js";
export type {
  AccessToken,
  Account,
  Credentials,
  EndpointAnswer,
  EndReason,
  EventOf,
  RefreshEvent,
  RequestEvent,
  RequestPhase,
  Session,
  SessionEvent,
  SessionOptions,
  Snapshot,
  Status,
  StatusEvent,
  Trace,
  Trigger,
  WarningEvent,
} from "./session/types.js";
