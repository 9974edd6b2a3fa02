/** The session as a slice of a Redux store. Plain objects of Redux' shape: nothing of it is imported. */

import { type Account, type Session, type Snapshot, UNKNOWN } from "./session/types.js";

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

/**
 * Keeps the slice up to date from the moment the store exists, and resumes the session from the cookie.
 *
 * It has `detach()`, for a store that is thrown away before the page is (hot reload, tests).
 */
export function sessionMiddleware(session: Session) {
  const stops: (() => void)[] = [];
  const middleware = (store: { dispatch(action: SessionChanged): unknown }) => {
    const copy = () => store.dispatch({ type: CHANGED, payload: session.getSnapshot() });
    stops.push(session.subscribe(copy));
    // Redux allows no dispatch while a store is being made.
    queueMicrotask(copy);
    queueMicrotask(() => void session.start());
    return (next: (action: unknown) => unknown) =>
      (action: unknown): unknown =>
        next(action);
  };
  const detach = () => {
    for (const stop of stops.splice(0)) stop();
  };
  return Object.assign(middleware, { detach });
}

/** The snapshot in a state that has the slice as `session`: the same object until something changes. */
export function selectSession(state: { session: Snapshot }): Snapshot {
  return state.session;
}

/** Who is signed in; null for nobody, and until that is known. */
export function selectAccount(state: { session: Snapshot }): Account | null {
  return state.session.account;
}
