/** Calls of auth endpoints that need the access token of the session, outside any client. */

import { GatepassError, isGatepassError } from "../errors.js";
import type { Session } from "../session/types.js";
import { refusalOf } from "./deliver.js";

/** Calls `act` with the access token; once more with a newer one if the server refuses it. */
export async function asOwner<T>(session: Session, act: (token: string) => Promise<T>): Promise<T> {
  const token = await session.token();
  if (!token) throw new GatepassError("session-ended");
  try {
    return await act(token.value);
  } catch (error) {
    const refusal = isGatepassError(error) && refusalOf("", error.problem);
    const newer = refusal && (await session.token(token.serial, null, refusal === "claims-changed"));
    if (!newer) throw error;
    return act(newer.value);
  }
}

/** Posts `facts`. Returns the JSON object of a success; any other answer is a GatepassError. */
export async function ask<T>(session: Session, path: string, facts: object, token?: string): Promise<T> {
  const answer = await session.post(path, facts, token);
  if (answer.status > 299 || !answer.problem) throw new GatepassError("http", answer);
  return answer.problem as T;
}
