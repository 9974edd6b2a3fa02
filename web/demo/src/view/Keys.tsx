/** What the account has beside its password: passkeys, an authenticator app, recovery codes. */

import { hasPasskeys } from "gatepass/passkeys";

import { useStore } from "../store";
import { Authenticator } from "./Authenticator";
import { Passkeys } from "./Passkeys";

export function Keys() {
  const { known, error } = useStore((state) => state.factors);
  return (
    <section className="panel keys" aria-labelledby="keys-title">
      <h2 id="keys-title">Your second key</h2>
      <p className="aside">With one of these, your password alone lets nobody in.</p>
      {error !== null && (
        <p className="fault" role="alert">
          {error}
        </p>
      )}
      {known !== null && (
        <div className="keys-body">
          {hasPasskeys() ? (
            <Passkeys passkeys={known.passkeys} />
          ) : (
            <p className="empty">This browser has no passkeys of the kind that pages can ask for.</p>
          )}
          <Authenticator factors={known} />
        </div>
      )}
    </section>
  );
}
