/**
 * The session as a slice of a Redux store. Nothing of Redux is imported.
 *
 *     configureStore({
 *       reducer: { session: sessionReducer },
 *       middleware: (standard) => standard().concat(sessionMiddleware(session)),
 *     });
 *
 * A root reducer that forgets all other slices when another person, or none, is signed in:
 *
 *     const root = combineReducers({ session: sessionReducer, notes });
 *     const reducer = (state, action) => root(isAccountChange(state, action) ? { session: state.session } : state, action);
 */

import { type Account, type Session, type Snapshot, UNKNOWN } from "./session/types.js";

const CHANGED = "gatepass/changed";

/** The only action: the session has a new snapshot. A type, since an interface is not assignable to `UnknownAction`. */
export type SessionChanged = {
  readonly type: typeof CHANGED;
  readonly payload: Snapshot;
};

/** Whether an action is that of this slice; for `addMatcher` and listeners. */
export function isSessionChanged(action: unknown): action is SessionChanged {
  return (action as { type?: unknown } | null)?.type === CHANGED;
}

/** Whether an action says that what the store holds belongs to another account than the present one, or to none. */
export function isAccountChange(state: { session: Snapshot } | undefined, action: unknown): action is SessionChanged {
  const before = state?.session;
  if (!before?.account || !isSessionChanged(action)) return false;
  const { account, sessionId } = action.payload;
  // Another session whose account is not known yet may be another person's.
  return account ? account.id !== before.account.id : sessionId !== before.sessionId;
}

/** Reduces to the newest snapshot. The selectors below expect the slice under the name `session`. */
export function sessionReducer(state: Snapshot = UNKNOWN, action: { type: string }): Snapshot {
  return isSessionChanged(action) ? action.payload : state;
}

/**
 * Keeps the slice up to date once the store exists, and resumes the session from the cookie.
 *
 * Its `detach()` stops that, for a store that is discarded before the page is (hot reload, tests).
 */
export function sessionMiddleware(session: Session) {
  const stops: (() => void)[] = [];
  const middleware = (store: { dispatch(action: SessionChanged): unknown }) => {
    const copy = () => store.dispatch({ type: CHANGED, payload: session.getSnapshot() });
    stops.push(session.subscribe(copy));
    // Redux forbids a dispatch while a store is being created.
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

/** The snapshot; the same object until it changes. */
export function selectSession(state: { session: Snapshot }): Snapshot {
  return state.session;
}

/** The signed-in account; null if signed out, and until the server has been asked. */
export function selectAccount(state: { session: Snapshot }): Account | null {
  return state.session.account;
}
