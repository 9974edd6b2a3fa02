/**
 * Notices what cannot work as it is set up, and has it said once by `diagnosis.ts`, which is loaded only then.
 */

import type { GatepassError } from "../errors.js";
import type { Parts, Symptom } from "./diagnosis.js";
import type { EndpointCall } from "./endpoints.js";

/** Has a symptom explained; each at most once. */
export type Suspect = (symptom: Symptom) => void;

/** Creates the function for one session. */
export function createSuspect(parts: Parts): Suspect {
  const told = new Set<Symptom>();
  return (symptom) => {
    if (told.has(symptom)) return;
    told.add(symptom);
    import("./diagnosis.js").then(({ warn }) => warn(symptom, parts)).catch(() => null);
  };
}

/** The same call, watched. After the first response the set-up lets this page in: then a failure has another cause. */
export function watched(send: EndpointCall, suspect: Suspect): EndpointCall {
  let isAnswered = false;
  return async (path, request) => {
    try {
      const answer = await send(path, request);
      isAnswered = true;
      if (answer.problem?.code === "cross-site") suspect("cross-site");
      return answer;
    } catch (error) {
      if (!isAnswered && (error as GatepassError).kind === "network") suspect("network");
      throw error;
    }
  };
}
