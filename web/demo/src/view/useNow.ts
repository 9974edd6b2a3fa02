/** A clock for drawing: performance.now(), a few times a second. */

import { useEffect, useState } from "react";

/** The time in ms, renewed every `interval` ms while the component is shown. */
export function useNow(interval: number): number {
  const [now, setNow] = useState(() => performance.now());
  useEffect(() => {
    const timer = setInterval(() => setNow(performance.now()), interval);
    return () => clearInterval(timer);
  }, [interval]);
  // A render for another reason must not see an older time than what it draws.
  return Math.max(now, performance.now() - interval);
}
