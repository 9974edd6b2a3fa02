/** Inside the gate: the pass and the card, what can be tried, what the guard did, and some work to do. */

import { useSession } from "gatepass/react";
import { useEffect } from "react";

import { api } from "../gate";
import { useAct, useStore } from "../store";
import { devicesForgotten, loadDevices } from "../store/devices";
import { loadNotes, notesForgotten } from "../store/notes";
import { POLL_URL } from "../store/requestGroup";
import { loadServerLog } from "../store/serverLog";
import { Devices } from "./Devices";
import { Experiments } from "./Experiments";
import { LogBook } from "./LogBook";
import { MembershipCard } from "./MembershipCard";
import { Notes } from "./Notes";
import { Pass } from "./Pass";
import { ServerLog } from "./ServerLog";

/** How often (ms) the page makes a call of its own: often enough that no pass is ever left to run out. */
const STEP = 5_000;

export function Tour() {
  useWork();
  usePolling();
  return (
    <div className="tour">
      <div className="papers">
        <Pass />
        <MembershipCard />
      </div>
      <div className="trials">
        <Experiments />
        <LogBook />
      </div>
      <div className="work">
        <Notes />
        <Devices />
        <ServerLog />
      </div>
    </div>
  );
}

/** Fetch what belongs to this sign-in, and forget it when another one takes its place. */
function useWork(): void {
  const dispatch = useAct();
  const { sessionId } = useSession();
  useEffect(() => {
    if (sessionId === null) return;
    void dispatch(loadNotes());
    void dispatch(loadDevices());
    void dispatch(loadServerLog());
    return () => {
      dispatch(notesForgotten());
      dispatch(devicesForgotten());
    };
  }, [dispatch, sessionId]);
}

/** A person who walks about: refreshing happens when somebody needs a pass, never by a timer of its own. */
function usePolling(): void {
  const isActive = useStore(({ ui }) => ui.isPolling && !ui.isOffline && ui.busy === null);
  useEffect(() => {
    if (!isActive) return;
    const timer = setInterval(() => {
      if (!document.hidden) void api.get(POLL_URL).catch(() => undefined);
    }, STEP);
    return () => clearInterval(timer);
  }, [isActive]);
}
