/** The events that the server has recorded. They never contain a token. */

import { useStore } from "../store";
import type { ServerEvent } from "../store/serverLog";

const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit" });

const WORDS: Record<string, string> = {
  user_created: "An account was made",
  session_created: "A card was issued",
  session_new_device: "A sign-in from a new device",
  session_renewed: "The card was exchanged",
  session_revoked: "The session was ended",
  session_use_after_expire: "A card of an ended session came: refused",
  session_bound: "The session was bound to a key",
  authn_refresh_unproven: "A copy of a card came without its key: refused",
  authn_token_reuse: "Two holders of one card: session revoked",
  authn_login_fail: "A sign-in failed",
  authn_login_throttled: "A sign-in was slowed down",
  authn_password_change: "The password was changed",
  authn_second_factor_asked: "A password was right; a second key is asked for",
  authn_factor_fail: "A second key did not fit",
  authn_recovery_code_used: "A recovery code was used",
  authn_passkey_refused: "A passkey was refused",
  user_factor_add: "A second key was added",
  user_factor_remove: "A second key was removed",
  malicious_csrf: "A cross-site request was refused",
};

const CASES: Record<string, string> = {
  repeat: "the same request again: same answer",
  recover: "recovered after a lost write",
};

const ALARMS = new Set(["authn_token_reuse", "authn_refresh_unproven"]);

export function ServerLog() {
  const events = useStore((state) => state.serverLog.events);
  return (
    <section className="panel" aria-labelledby="server-log-title">
      <h2 id="server-log-title">What the server saw</h2>
      <p className="aside">Its own events. They name sessions, never tokens.</p>
      {events.length === 0 && <p className="empty">Nothing yet.</p>}
      <ol className="events">
        {events.slice(0, 8).map((event) => (
          <li key={event.n} data-alarm={ALARMS.has(event.name)}>
            <time className="code">{clock.format(event.at * 1000)}</time>
            <span className="grow">{wordsFor(event)}</span>
            <span className="code">{event.sid ?? ""}</span>
          </li>
        ))}
      </ol>
    </section>
  );
}

function wordsFor({ name, generation, case: kind }: ServerEvent): string {
  const words = WORDS[name] ?? name;
  const number = generation === null ? "" : ` (generation ${generation})`;
  const why = kind !== null && kind in CASES ? `, ${CASES[kind]}` : "";
  return words + number + why;
}
