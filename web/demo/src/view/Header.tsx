/** The account, the status of the session, and the button to sign out. */

import { useSession } from "gatepass/react";

import logo from "../assets/logo.svg";

const WORDS = {
  unknown: "Looking…",
  anonymous: "Signed out",
  active: "Signed in",
  degraded: "Server out of reach",
  ended: "Session ended",
} as const;

export function Header() {
  const { status, account, signOut } = useSession();
  const isIn = status === "active" || status === "degraded";

  return (
    <header className="header">
      <h1 className="brand">
        <img src={logo} alt="" width="28" height="28" />
        Gatepass
      </h1>
      <p className="state" data-status={status}>
        {WORDS[status]}
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
