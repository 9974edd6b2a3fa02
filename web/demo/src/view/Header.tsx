/** The account, the status of the session, and the button to sign out. */

import { useSession } from "gatepass/react";

import logo from "../assets/logo.svg";
import { useStore } from "../store";

const WORDS = {
  unknown: "Looking…",
  anonymous: "Signed out",
  active: "Signed in",
  degraded: "Server out of reach",
  ended: "Session ended",
} as const;

export function Header() {
  const { status, account, signOut } = useSession();
  const isOffline = useStore((state) => state.ui.isOffline);
  const isIn = status === "active" || status === "degraded";

  return (
    <header className="header">
      <h1 className="brand">
        <img src={logo} alt="" width="28" height="28" />
        Gatepass
      </h1>
      <p className="state" data-status={isOffline && isIn ? "offline" : status}>
        {WORDS[status]}
        {isOffline && ", offline"}
      </p>
      {isIn && (
        <div className="who">
          {account !== null && <span className="email">{account.email}</span>}
          <button type="button" className="button quiet" onClick={() => void signOut()}>
            Sign out
          </button>
        </div>
      )}
    </header>
  );
}
