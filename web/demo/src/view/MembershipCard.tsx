/** The membership card: the refresh token. The page cannot read it, so it shows only that it exists. */

import { useSession } from "gatepass/react";

import { Lock } from "./icons";

export function MembershipCard() {
  const { generation, sessionId } = useSession();
  return (
    <section className="card" aria-labelledby="card-title">
      <div className="card-top">
        <h2 id="card-title">Membership card</h2>
        <Lock />
      </div>
      <p className="card-text">
        Locked in the wallet: an HttpOnly cookie that no script on this page can read. A copy opens nothing: each
        refresh proves a key that cannot leave this browser, and hands the card in for its successor.
      </p>
      <dl className="card-facts">
        <div>
          <dt>Generation</dt>
          <dd className="generation" key={generation}>
            {generation ?? "–"}
          </dd>
        </div>
        <div>
          <dt>Session</dt>
          <dd className="code">{sessionId?.slice(0, 8) ?? "–"}…</dd>
        </div>
        <div>
          <dt>Number</dt>
          <dd className="code">
            <span aria-hidden="true">•••• ••••</span>
            <span className="hidden">not readable</span>
          </dd>
        </div>
      </dl>
    </section>
  );
}
