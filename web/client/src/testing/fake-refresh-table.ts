/** The table of PROTOCOL §4 as the fault server keeps it: what a refresh token means for its session. */

import { fingerprintOf, follows, type RefreshToken } from "./fake-refresh-tokens.js";
import { type Outgoing, problem, type Row } from "./messages.js";

/** The case of the table that a refresh matched. */
export type Case =
  | "advance"
  | "repeat"
  | "late"
  | "reuse"
  | "ended"
  | "recover"
  | "superseded"
  | "mismatch"
  | "unproven"
  | "no-session";

/** `grant`: the refresh token that follows. `newest`: the one that the session has by now, for a client that is behind. */
export type Decision = { readonly case: Case } & (
  | { readonly grant: RefreshToken }
  | { readonly newest: RefreshToken }
  | { readonly refusal: Outgoing }
);

/** The server's time and leeway, in seconds, and what is random in a token. */
export interface TableOptions {
  readonly now: number;
  readonly leeway: number;
  readonly random: () => string;
}

/** Decides a refresh, and changes the row accordingly. `binding` is the key of the token, or the one that is offered. */
export function decide(
  row: Row | undefined,
  presented: RefreshToken,
  binding: string | null,
  { now, leeway, random }: TableOptions,
): Decision {
  const fingerprint = fingerprintOf(presented);
  if (!row || row.revoked) {
    const reason = row?.revoked ?? "unknown";
    return { case: "ended", refusal: problem(401, "session-ended", { sid: presented.sid, reason }) };
  }
  const timely = now - row.committedAt <= leeway;
  const { generation } = presented;
  const isNext = generation === row.generation + 1 && follows(presented) === row.fingerprint;
  const isAhead = generation > row.generation + (presented.binding ? 0 : 1);
  const isOther = row.binding !== null && row.binding !== binding;
  if (!isOther && (isAhead || (isNext && row.binding === presented.binding))) {
    const previous = isNext ? presented.parent : null;
    Object.assign(row, { generation, fingerprint, binding, previous, committedAt: now });
    const grant = successorOf(presented, binding, generation + 1, random);
    return { case: isNext || presented.binding ? "advance" : "recover", grant };
  }
  const isCommitted = fingerprint === row.fingerprint;
  if (row.binding === binding && (binding ? generation <= row.generation : isCommitted)) {
    const successor = successorOf(presented, binding, row.generation + 1, random);
    const isNew = timely && generation === row.generation && (isCommitted || presented.binding !== null);
    return { case: "repeat", ...(isNew ? { grant: successor } : { newest: successor }) };
  }
  const isLate = !binding && !row.binding && timely && row.previous;
  if (isLate && [fingerprint, presented.parent].includes(row.previous)) {
    return { case: "late", refusal: problem(409, "refresh-superseded") };
  }
  row.revoked = "reused";
  return { case: "reuse", refusal: problem(401, "session-ended", { sid: presented.sid, reason: "reused" }) };
}

function successorOf(
  token: RefreshToken,
  binding: string | null,
  generation: number,
  random: () => string,
): RefreshToken {
  const { sid } = token;
  if (!binding) return { sid, generation, nonce: random(), parent: fingerprintOf(token), binding };
  const nonce = token.binding ? token.nonce : `${token.nonce} ${binding}`;
  return { sid, generation, nonce, parent: null, binding };
}
