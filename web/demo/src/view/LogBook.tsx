/** The guard's log-book: the requests of this page, newest first. */

import { useStore } from "../store";
import { isEmpty } from "../store/requestGroup";
import { Guard } from "./icons";
import { RequestGroupEntry } from "./RequestGroupEntry";

const KEYS = [
  ["sent", "sent"],
  ["refused", "refused (401)"],
  ["waiting", "waiting for a pass"],
  ["replay", "sent again"],
  ["refresh", "refresh"],
] as const;

export function LogBook() {
  const groups = useStore((state) => state.activity.groups);
  const shown = groups.filter((group) => !isEmpty(group));
  return (
    <section className="panel logbook" aria-labelledby="logbook-title">
      <div className="logbook-top">
        <Guard />
        <div>
          <h2 id="logbook-title">The guard’s log-book</h2>
          <p className="aside">Every call on its way through the interceptors.</p>
        </div>
      </div>
      <ul className="legend" aria-label="Colours of the bars">
        {KEYS.map(([phase, words]) => (
          <li key={phase}>
            <span className="span" data-phase={phase} />
            {words}
          </li>
        ))}
      </ul>
      {shown.length === 0 && <p className="empty">Nothing yet. Add a note, or try to break something.</p>}
      <ol className="request-groups">
        {shown.map((group, index) => (
          <RequestGroupEntry key={group.id} group={group} isNewest={index === 0} />
        ))}
      </ol>
    </section>
  );
}
