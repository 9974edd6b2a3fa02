/**
 * What has just happened, in one line that stays in sight on a phone too.
 *
 * Read out only when it follows from something the visitor did: silent refreshes are meant to be silent.
 */

import { useEffect, useState } from "react";

import { type State, useStore } from "../store";
import { isEmpty, isOpen, isStroll, lastMoment } from "../store/episode";
import { narrate, type Story } from "../store/narrate";
import { PromiseChip } from "./PromiseChip";

interface News extends Story {
  isAsked: boolean;
}

/** `isShown`: outside the gate the same is told elsewhere on the page, and only the reading out remains. */
export function Happened({ isShown }: { isShown: boolean }) {
  const news = useNews();
  const spoken = useSpoken(news);
  return (
    <>
      <p className="hidden" role="status">
        {spoken}
      </p>
      {isShown && news !== null && (
        <aside className="happened" data-tone={news.tone} aria-label="What has just happened">
          <div className="happened-row">
            <div className="grow">
              <p className="happened-line">{news.headline}</p>
              <p className="happened-detail">{news.detail}</p>
            </div>
            <PromiseChip id={news.promise} />
          </div>
        </aside>
      )}
    </>
  );
}

function useNews(): News | null {
  const notice = useStore((state: State) => state.stage.notice);
  const episode = useStore((state) => state.activity.episodes.find((known) => !isStroll(known) && !isEmpty(known)));
  if (notice !== null && (episode === undefined || notice.at >= lastMoment(episode)))
    return { ...notice, isAsked: !notice.isQuiet };
  if (episode === undefined) return null;
  return { ...narrate(episode), isAsked: episode.experiment !== null && !isOpen(episode) };
}

/** The text for the live region: it changes only with news that somebody asked for. */
function useSpoken(news: News | null): string {
  const [spoken, setSpoken] = useState("");
  const text = news?.isAsked ? `${news.headline}. ${news.detail}` : null;
  useEffect(() => {
    if (text !== null) setSpoken(text);
  }, [text]);
  return spoken;
}
