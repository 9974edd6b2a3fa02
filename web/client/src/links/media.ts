/**
 * A film or a recording that is played for longer than a link lives: where a range is refused, it goes on with the newest.
 */

import type { Session } from "../session/types.js";
import { type FollowOptions, followLink } from "./follow.js";

/**
 * Keeps a `<video>` or `<audio>` going by links to `path`. A link that has expired is an error of the element at the next
 * range that it asks for: then it has the newest link, at the same place, and plays on if it played. When the session
 * ends, the element has no source. Returns a function that stops this, and leaves the element as it is.
 */
export function followMedia(
  session: Session,
  path: string,
  media: HTMLMediaElement,
  options: FollowOptions = {},
): () => void {
  const stopped = new AbortController();
  const listen = { signal: stopped.signal };
  let newest: string | null = null;
  let isShown = true;
  let hasSource = false;
  let isPlaying = !media.paused;

  function load(): void {
    if (isShown) return; // another fault than an old link
    const { currentTime } = media;
    isShown = true;
    hasSource = newest !== null;
    if (newest === null) media.removeAttribute("src");
    else media.src = newest;
    media.load();
    if (newest === null) return;
    media.currentTime = currentTime;
    // Rejected where the browser wants a gesture first: then the person presses play.
    if (isPlaying) media.play().catch(() => {});
  }

  media.addEventListener("play", () => (isPlaying = true), listen);
  // Browsers pause an element that has failed.
  media.addEventListener("pause", () => (isPlaying &&= media.error !== null), listen);
  media.addEventListener("error", load, listen);
  const stop = followLink(
    session,
    path,
    (link) => {
      newest = link;
      isShown = false;
      if (!link || !hasSource || media.error) load();
    },
    options,
  );
  return () => {
    stopped.abort();
    stop();
  };
}
