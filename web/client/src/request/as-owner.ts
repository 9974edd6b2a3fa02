/** Calls of auth endpoints that need the access token of the session, outside any client. */

import { GatepassError, type HttpError } from "../errors.js";
import type { Session } from "../session/types.js";
import { refusalOf } from "./deliver.js";

/**
 * Calls `act` with the access token; once more with a newer one if the server refuses it. Twice, if the newer one is from
 * before a change of the claims: it may be of a refresh that was under way.
 */
export async function asOwner<T>(session: Session, act: (token: string) => Promise<T>): Promise<T> {
  let token = await session.token();
  if (!token) throw new GatepassError("session-ended");
  for (let replays = 0; ; ) {
    try {
      return await act(token.value);
    } catch (error) {
      const refusal = refusalOf("", (error as Partial<HttpError>).problem);
      const hasChanged = refusal === "claims-changed";
      if (!refusal || replays++ > +hasChanged) throw error;
      token = await session.token(token.serial, null, hasChanged);
      if (!token) throw error;
    }
  }
}

/** Posts `facts`. Returns the JSON object of a success; any other answer is a GatepassError. */
export async function ask<T>(session: Session, path: string, facts: object, token?: string): Promise<T> {
  const answer = await session.post(path, facts, token);
  if (answer.status > 299 || !answer.problem) throw new GatepassError("http", answer);
  return answer.problem as T;
}
