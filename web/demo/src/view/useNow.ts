/** A clock for rendering: performance.now(), a few times per second. */

import { useEffect, useState } from "react";

/** The time in ms, updated every `interval` ms while the component is mounted. */
export function useNow(interval: number): number {
  const [now, setNow] = useState(() => performance.now());
  useEffect(() => {
    const timer = setInterval(() => setNow(performance.now()), interval);
    return () => clearInterval(timer);
  }, [interval]);
  // A render for another reason must not use a time before that of its data.
  return Math.max(now, performance.now() - interval);
}
