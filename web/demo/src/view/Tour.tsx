/** Inside the gate: the pass and the card, what can be tried, what the guard did, and some work to do. */

import { useSession } from "gatepass/react";
import { useEffect } from "react";

import { api } from "../gate";
import { useAct, useStore } from "../store";
import { devicesForgotten, loadDevices } from "../store/devices";
import { STROLL } from "../store/episode";
import { lookIntoGatehouse } from "../store/gatehouse";
import { loadNotes, notesForgotten } from "../store/notes";
import { Devices } from "./Devices";
import { Experiments } from "./Experiments";
import { Gatehouse } from "./Gatehouse";
import { LogBook } from "./LogBook";
import { MembershipCard } from "./MembershipCard";
import { Notes } from "./Notes";
import { Pass } from "./Pass";

/** How often (ms) the page makes a call of its own: often enough that no pass is ever left to run out. */
const STEP = 5_000;

export function Tour() {
  useWork();
  useStroll();
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
        <Gatehouse />
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
    void dispatch(lookIntoGatehouse());
    return () => {
      dispatch(notesForgotten());
      dispatch(devicesForgotten());
    };
  }, [dispatch, sessionId]);
}

/** A person who walks about: refreshing happens when somebody needs a pass, never by a timer of its own. */
function useStroll(): void {
  const isWalking = useStore(({ stage }) => stage.isStrolling && !stage.isOffline && stage.busy === null);
  useEffect(() => {
    if (!isWalking) return;
    const timer = setInterval(() => {
      if (!document.hidden) void api.get(STROLL).catch(() => undefined);
    }, STEP);
    return () => clearInterval(timer);
  }, [isWalking]);
}
