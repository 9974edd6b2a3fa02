/**
 * What has just happened, in one line that stays in sight on a phone too.
 *
 * Read out only when it follows from something the visitor did: silent refreshes are meant to be silent.
 */

import { useEffect, useState } from "react";

import { type State, useStore } from "../store";
import { type Description, describeGroup } from "../store/describe";
import { isEmpty, isOpen, isPoll, lastMoment } from "../store/requestGroup";
import { PromiseChip } from "./PromiseChip";

interface Announcement extends Description {
  isAsked: boolean;
}

/** `isShown`: outside the gate the same is told elsewhere on the page, and only the reading out remains. */
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

/** The text for the live region: it changes only with announcement that somebody asked for. */
function useSpoken(announcement: Announcement | null): string {
  const [spoken, setSpoken] = useState("");
  const text = announcement?.isAsked ? `${announcement.headline}. ${announcement.detail}` : null;
  useEffect(() => {
    if (text !== null) setSpoken(text);
  }, [text]);
  return spoken;
}
