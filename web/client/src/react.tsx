/**
 * The session in React: one provider at the top, hooks below it, no unnecessary renders.
 *
 *     <SessionProvider session={session}>
 *       <Progress loading={loading} />
 *       <RequireSession fallback={<Spinner />} onAnonymous={(returnTo) => navigate(`/login?next=${returnTo}`, { replace: true })}>
 *         <App />
 *
 * On a server and in the first render of the browser the status is `unknown`, so both produce the same markup.
 */

import {
  createContext,
  type ReactNode,
  useContext,
  useEffect,
  useMemo,
  useRef,
  useState,
  useSyncExternalStore,
} from "react";

import { type FollowOptions, followLink } from "./links.js";
import { type Busy, type Loading, type LoadingOptions, type LoadingView, showProgress } from "./loading.js";
import { hereOf } from "./safe-return.js";
import { type Account, type Session, type Snapshot, UNKNOWN } from "./session/types.js";

export { safeReturn } from "./safe-return.js";

const SessionContext = createContext<Session | null>(null);
const IDLE: Busy = { count: 0, isVisible: false };

/** The snapshot, and the methods to sign in, sign up and sign out. */
export type SessionState = Snapshot & Pick<Session, "signIn" | "signUp" | "signOut">;

/** Provides a session to its children, and resumes it from the cookie when mounted. */
export function SessionProvider({ session, children }: { session: Session; children?: ReactNode }): ReactNode {
  useEffect(() => {
    // `start` is idempotent: the second mount of Strict Mode does nothing.
    void session.start();
  }, [session]);
  return <SessionContext.Provider value={session}>{children}</SessionContext.Provider>;
}

/**
 * The current snapshot and the methods. With `select`, only the selected value, and a render only when it changes (by
 * Object.is, so `select` must not create objects): `useSession(({ status }) => status)`.
 */
export function useSession(): SessionState;
export function useSession<T>(select: (snapshot: Snapshot) => T): T;
export function useSession<T>(select?: (snapshot: Snapshot) => T): SessionState | T {
  const session = useSessionContext();
  const chosen = useSyncExternalStore<Snapshot | T>(
    session.subscribe,
    () => (select ? select(session.getSnapshot()) : session.getSnapshot()),
    () => (select ? select(UNKNOWN) : UNKNOWN),
  );
  return useMemo(() => {
    if (select) return chosen as T;
    const { signIn, signUp, signOut } = session;
    return { ...(chosen as Snapshot), signIn, signUp, signOut };
  }, [session, chosen, select]);
}

/** The signed-in account; null if signed out, and until the server has been asked. Renders when the account changes. */
export function useAccount(): Account | null {
  return useSession(accountOf);
}

/**
 * A link to `path` for `<img>`, `<video>` or a download, replaced before it expires; null until there is one, and without
 * a session or a path.
 *
 *     <img src={useLink(`/photos/${id}`) ?? undefined} alt="" />
 *
 * Those of one moment are one request. What was shown before is not revoked. For routes that ask for `link_principal`.
 */
export function useLink(path: string | null | undefined, { onError }: FollowOptions = {}): string | null {
  const session = useSessionContext();
  const [shown, show] = useState<{ of: object; path: string; link: string | null } | null>(null);
  // A function that is written in place is a new one at each render, and must not ask for a new link.
  const heard = useRef(onError);
  useEffect(() => {
    heard.current = onError;
  });
  useEffect(() => {
    if (!path) return;
    return followLink(session, path, (link) => show({ of: session, path, link }), {
      onError: (error) => heard.current?.(error),
    });
  }, [session, path]);
  return shown?.of === session && shown.path === path ? shown.link : null;
}

/** Whether requests are in progress, all or those of a `scope`. `delay` and `min` (ms): see `gatepass/loading`. */
export function useLoading(
  loading: Loading,
  { scope, ...times }: LoadingOptions & { scope?: string | undefined } = {},
): Busy {
  const { delay, min } = times;
  const view = useMemo<LoadingView>(() => loading.scope(scope, times), [loading, scope, delay, min]);
  return useSyncExternalStore(view.subscribe, view.getSnapshot, () => IDLE);
}

/** Shows the bar of `showProgress` while mounted: at the top of the page, or `inside` its own element. */
export function Progress({
  loading,
  label,
  inside,
}: {
  loading: LoadingView;
  label?: string | undefined;
  inside?: boolean | undefined;
}): ReactNode {
  const element = useRef<HTMLDivElement>(null);
  useEffect(() => {
    const container = inside ? element.current : null;
    return showProgress(loading, { ...(container && { container }), ...(label !== undefined && { label }) });
  }, [loading, label, inside]);
  return inside ? <div ref={element} style={{ position: "relative" }} /> : null;
}

export interface RequireSessionProps {
  readonly children?: ReactNode | undefined;
  /** Shown until the status is known, and after `onAnonymous`. */
  readonly fallback?: ReactNode | undefined;
  /**
   * Called once when there is no session. Replace the page in the history then, so that Back does not return to it.
   * `returnTo` is the path, query and fragment of this page, percent-encoded for
   * a query parameter. Pass it through `safeReturn` before navigating to it.
   */
  readonly onAnonymous?: ((returnTo: string) => void) | undefined;
  /**
   * Where the page is, if not by the browser's address: the `useLocation()` of a router with a base path, or with its
   * paths in the fragment. Then `returnTo` is what that router navigates to.
   */
  readonly location?: Place | undefined;
}

/** The part of a location that names a page. React Router's has it, and the browser's. */
export interface Place {
  readonly pathname: string;
  readonly search: string;
  readonly hash: string;
}

/** Renders its children while there is a session, also while it cannot be refreshed (`degraded`). */
export function RequireSession({
  children,
  fallback = null,
  onAnonymous,
  location = globalThis.location,
}: RequireSessionProps): ReactNode {
  const status = useSession(statusOf);
  const isOutside = status === "anonymous" || status === "ended";
  const isReported = useRef(false);
  useEffect(() => {
    if (isOutside && !isReported.current) onAnonymous?.(encodeURIComponent(hereOf(location)));
    // Strict Mode runs an effect twice, and `onAnonymous` must be called once.
    isReported.current = isOutside;
  }, [isOutside, onAnonymous, location]);
  return isOutside || status === "unknown" ? fallback : children;
}

function useSessionContext(): Session {
  const session = useContext(SessionContext);
  if (!session) throw new Error("useSession() needs a <SessionProvider session={…}> above it.");
  return session;
}

const accountOf = ({ account }: Snapshot) => account;
const statusOf = ({ status }: Snapshot) => status;
