/**
 * The session for React components: one provider at the top, hooks below it, nothing that renders needlessly.
 *
 *     <SessionProvider session={session}>
 *       <Progress loading={loading} />
 *       <RequireSession fallback={<Spinner />} onAnonymous={(returnTo) => navigate(`/login?next=${returnTo}`)}>
 *         <App />
 *
 * On a server, and for the first render in the browser, the status is `unknown`: markup of both is the same.
 */

import { createContext, type ReactNode, useContext, useEffect, useMemo, useRef, useSyncExternalStore } from "react";

import { type Busy, type Loading, type LoadingOptions, type LoadingView, showProgress } from "./loading.js";
import { type Account, type Session, type Snapshot, UNKNOWN } from "./session/types.js";

const SessionContext = createContext<Session | null>(null);
const IDLE: Busy = { count: 0, isVisible: false };

/** The snapshot with the three verbs. */
export type SessionState = Snapshot & Pick<Session, "signIn" | "signUp" | "signOut">;

/** Gives its children a session, and resumes it from the cookie when it is mounted. */
export function SessionProvider({ session, children }: { session: Session; children?: ReactNode }): ReactNode {
  useEffect(() => {
    // Idempotent, so that Strict Mode's second mount does nothing.
    void session.start();
  }, [session]);
  return <SessionContext.Provider value={session}>{children}</SessionContext.Provider>;
}

/**
 * The present snapshot and the three verbs. With a `select` only what it picks, and a new render only when that changes
 * (by Object.is, so pick, and make nothing new): `useSession(({ status }) => status)`.
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

/** Who is signed in; null for nobody, and until that is known. Renders anew when it is somebody else. */
export function useAccount(): Account | null {
  return useSession(accountOf);
}

/** Whether requests are under way: all, or those of a scope; see `gatepass/loading` for `delay` and `min`, ms. */
export function useLoading(loading: Loading, { scope, ...times }: LoadingOptions & { scope?: string } = {}): Busy {
  const { delay, min } = times;
  const view = useMemo<LoadingView>(() => loading.scope(scope, times), [loading, scope, delay, min]);
  return useSyncExternalStore(view.subscribe, view.getSnapshot, () => IDLE);
}

/** The bar of `showProgress` for as long as this is mounted; over the whole page, or inside of its own element. */
export function Progress({
  loading,
  label,
  inside,
}: {
  loading: LoadingView;
  label?: string;
  inside?: boolean;
}): ReactNode {
  const element = useRef<HTMLDivElement>(null);
  useEffect(() => {
    const container = inside ? element.current : null;
    return showProgress(loading, { ...(container && { container }), ...(label !== undefined && { label }) });
  }, [loading, label, inside]);
  return inside ? <div ref={element} style={{ position: "relative" }} /> : null;
}

export interface RequireSessionProps {
  readonly children?: ReactNode;
  /** While nobody knows yet, and after `onAnonymous`. */
  readonly fallback?: ReactNode;
  /**
   * Called once when nobody is signed in. `returnTo` is where the visitor was: path, query and fragment of this page,
   * percent-encoded as a parameter. Before you go there again, put it through `safeReturn`.
   */
  readonly onAnonymous?: (returnTo: string) => void;
}

/** Shows its children to who is signed in, also while that cannot be renewed just now (`degraded`). */
export function RequireSession({ children, fallback = null, onAnonymous }: RequireSessionProps): ReactNode {
  const status = useSession(statusOf);
  const isOutside = status === "anonymous" || status === "ended";
  const isReported = useRef(false);
  useEffect(() => {
    if (isOutside && !isReported.current) onAnonymous?.(encodeURIComponent(hereOf(globalThis.location)));
    // Strict Mode runs an effect twice: it was the same visit.
    isReported.current = isOutside;
  }, [isOutside, onAnonymous]);
  return isOutside || status === "unknown" ? fallback : children;
}

/** A place on this very site, or `otherwise`: what stands in a link must not send people elsewhere (CWE-601). */
export function safeReturn(returnTo: string | null | undefined, otherwise = "/"): string {
  const here = globalThis.location;
  if (!returnTo || !here) return otherwise;
  try {
    const url = new URL(returnTo, here.origin);
    // "/.//elsewhere.example" is a path here, and would be a host where it is followed.
    return url.origin === here.origin && !url.pathname.startsWith("//") ? hereOf(url) : otherwise;
  } catch {
    return otherwise;
  }
}

function useSessionContext(): Session {
  const session = useContext(SessionContext);
  if (!session) throw new Error("useSession() needs a <SessionProvider session={…}> above it.");
  return session;
}

const accountOf = ({ account }: Snapshot) => account;
const statusOf = ({ status }: Snapshot) => status;
const hereOf = ({ pathname, search, hash }: { pathname: string; search: string; hash: string }) =>
  `${pathname}${search}${hash}`;
