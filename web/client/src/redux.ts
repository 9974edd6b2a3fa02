/** The session as a slice of a Redux store. Plain objects of Redux' shape: nothing of it is imported. */

import { type Session, type Snapshot, UNKNOWN } from "./types.js";

const CHANGED = "gatepass/changed";

/** The one action: the session has a new snapshot. A type, for an interface is no `UnknownAction` of Redux. */
export type SessionChanged = {
  readonly type: typeof CHANGED;
  readonly payload: Snapshot;
};

/** The slice is the newest snapshot. Mount it as `session` for `selectSession`. */
export function sessionReducer(state: Snapshot = UNKNOWN, action: { type: string }): Snapshot {
  return action.type === CHANGED ? (action as SessionChanged).payload : state;
}

/** Keeps the slice up to date from the moment the store exists, and resumes the session from the cookie. */
export function sessionMiddleware(session: Session) {
  return (store: { dispatch(action: SessionChanged): unknown }) => {
    const copy = () => store.dispatch({ type: CHANGED, payload: session.getSnapshot() });
    session.subscribe(copy);
    // Redux allows no dispatch while a store is being made.
    queueMicrotask(copy);
    queueMicrotask(() => void session.start());
    return (next: (action: unknown) => unknown) =>
      (action: unknown): unknown =>
        next(action);
  };
}

/** The snapshot in a state that has the slice as `session`. */
export function selectSession(state: { session: Snapshot }): Snapshot {
  return state.session;
}
