/** Runs one act at a time: a second press while the first is under way does nothing. */

import { useRef, useState } from "react";

export function useOnce(): { isBusy: boolean; once: (act: () => Promise<void>) => Promise<void> } {
  const [isBusy, setBusy] = useState(false);
  const running = useRef(false);

  async function once(act: () => Promise<void>): Promise<void> {
    if (running.current) return;
    running.current = true;
    setBusy(true);
    try {
      await act();
    } finally {
      running.current = false;
      setBusy(false);
    }
  }

  return { isBusy, once };
}
