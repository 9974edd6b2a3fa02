/**
 * The newest event in one line, which stays visible on a phone too.
 *
 * Screen readers announce it only after an action of the visitor, not for a silent refresh.
 */

import { useEffect, useState } from "react";

import { type State, useStore } from "../store";
import { type Description, describeGroup } from "../store/describe";
import { isEmpty, isOpen, isPoll, lastMoment } from "../store/requestGroup";
import { PromiseChip } from "./PromiseChip";

interface Announcement extends Description {
  isAsked: boolean;
}

/** Without `isShown`, it is only announced: before sign-in the page shows the same elsewhere. */
export function Happened({ isShown }: { isShown: boolean }) {
  const announcement = useAnnouncement();
  const spoken = useSpoken(announcement);
  return (
    <>
      <p className="hidden" role="status">
        {spoken}
      </p>
      {isShown && announcement !== null && (
        <aside className="happened" data-tone={announcement.tone} aria-label="What has just happened">
          <div className="happened-row">
            <div className="grow">
              <p className="happened-line">{announcement.headline}</p>
              <p className="happened-detail">{announcement.detail}</p>
            </div>
            <PromiseChip id={announcement.promise} />
            <a className="to-logbook" href="#logbook-title">
              Log-book
            </a>
          </div>
        </aside>
      )}
    </>
  );
}

function useAnnouncement(): Announcement | null {
  const notice = useStore((state: State) => state.ui.notice);
  const group = useStore((state) => state.activity.groups.find((known) => !isPoll(known) && !isEmpty(known)));
  if (notice !== null && (group === undefined || notice.at >= lastMoment(group)))
    return { ...notice, isAsked: !notice.isQuiet };
  if (group === undefined) return null;
  return { ...describeGroup(group), isAsked: group.experiment !== null && !isOpen(group) };
}

/** The text for the live region: it changes only after an action of the visitor. */
function useSpoken(announcement: Announcement | null): string {
  const [spoken, setSpoken] = useState("");
  const text = announcement?.isAsked ? `${announcement.headline}. ${announcement.detail}` : null;
  useEffect(() => {
    if (text !== null) setSpoken(text);
  }, [text]);
  return spoken;
}
