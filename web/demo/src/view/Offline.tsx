/** The switch that disconnects this tab. Also shown before sign-in while disconnected: signing in needs the network. */

import { switchNetwork } from "../experiments";
import type { Experiment } from "../scenes/experiment";
import { useStore } from "../store";
import { PromiseChip } from "./PromiseChip";
import { Switch } from "./Switch";
import { useRun } from "./useRun";

export function Offline() {
  const { run } = useRun();
  const isOffline = useStore((state) => state.ui.isOffline);
  const flip = (isOn: boolean): Experiment => ({
    id: isOn ? "offline" : "online",
    label: isOn ? "Go offline" : "Back online",
    see: "",
    promise: null,
    isLocal: true,
    run: (dispatch) => switchNetwork(dispatch, isOn),
  });
  return (
    <Switch isOn={isOffline} onChange={(isOn) => run(flip(isOn))} label="Go offline">
      This tab loses its network. Calls fail, the session does not; back online, work goes on. <PromiseChip id="P1" />
    </Switch>
  );
}
