/** The page of a signed-in visitor: tokens, experiments, the log-book, second keys, notes, devices and the server's events. */

import { useSession } from "gatepass/react";
import { useEffect } from "react";

import { api } from "../gate";
import { useAct, useStore } from "../store";
import { devicesForgotten, loadDevices } from "../store/devices";
import { factorsForgotten, loadFactors } from "../store/factors";
import { loadNotes, notesForgotten } from "../store/notes";
import { POLL_URL } from "../store/requestGroup";
import { loadServerLog } from "../store/serverLog";
import { Devices } from "./Devices";
import { Experiments } from "./Experiments";
import { Keys } from "./Keys";
import { LogBook } from "./LogBook";
import { MembershipCard } from "./MembershipCard";
import { Notes } from "./Notes";
import { Pass } from "./Pass";
import { Safe } from "./Safe";
import { ServerLog } from "./ServerLog";

/** How often (ms) the page polls: often enough that no access token expires. */
const STEP = 5_000;

export function Tour() {
  const { account } = useSession();
  useWork();
  useKeys();
  usePolling();
  return (
    <div className="tour">
      <Pass />
      <Experiments />
      <div className="beside">
        <LogBook />
      </div>
      <MembershipCard />
      <Keys key={account?.id} />
      <Safe />
      <div className="work">
        <Notes />
        <Devices />
        <ServerLog />
      </div>
    </div>
  );
}

/** Loads the data of this session, and drops it when another session begins. */
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

/** Loads the second keys, which are the account's: a step-up begins a session, and disturbs nobody who adds one. */
function useKeys(): void {
  const dispatch = useAct();
  const { sessionId } = useSession();
  useEffect(() => {
    if (sessionId !== null) void dispatch(loadFactors());
  }, [dispatch, sessionId]);
  useEffect(() => () => void dispatch(factorsForgotten()), [dispatch]);
}

/** Polls, as an active visitor would: a token is refreshed when a request needs it, never by a timer of the session. */
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
