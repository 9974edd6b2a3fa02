/** The entry pass: the access token and the time it has left. It is kept in the memory of this page only. */

import { useSession } from "gatepass/react";
import type { CSSProperties } from "react";

import { useAct, useStore } from "../store";
import { pollingSwitched } from "../store/ui";
import { Switch } from "./Switch";
import { Timeline } from "./Timeline";
import { useNow } from "./useNow";

export function Pass() {
  const { generation, expiresAt, lifetime } = useSession();
  const now = useNow(250);
  const left = expiresAt === null ? 0 : Math.max(0, expiresAt - now);
  const life = lifetime ?? 30_000;

  return (
    <section className="panel pass" aria-labelledby="pass-title">
      <div className="pass-top">
        <div>
          <h2 id="pass-title" tabIndex={-1}>
            Entry pass
          </h2>
          <p className="aside">Opens the doors, soon expires. The access token.</p>
        </div>
        <p className="stamp">
          <span className="hidden">Issued with card </span>
          <span aria-hidden="true">Nº </span>
          {generation ?? "–"}
        </p>
      </div>
      <div className="pass-body">
        <div>
          <Meter left={left} life={life} />
          <PollingSwitch />
        </div>
        <Timeline now={now} life={life} />
      </div>
    </section>
  );
}

/** The time left of the access token: `left` of `life` ms. */
function Meter({ left, life }: { left: number; life: number }) {
  const seconds = Math.ceil(left / 1000);
  const share = Math.min(1, left / life);
  return (
    <div className="pass-meter" style={{ "--share": share } as CSSProperties}>
      <p className="seconds" aria-hidden="true" data-low={share < 1 / 3}>
        {seconds}
        <small> s</small>
      </p>
      <div className="grow">
        <meter
          className="hidden"
          min={0}
          max={Math.round(life / 1000)}
          value={seconds}
          aria-label="Time left on the entry pass"
          aria-valuetext={`${seconds} seconds left`}
        />
        <div className="bar" aria-hidden="true">
          <span />
        </div>
        <p className="aside">{wordsFor(left, share)}</p>
      </div>
    </div>
  );
}

function wordsFor(left: number, share: number): string {
  if (left === 0) return "Run out. The next call fetches a new one.";
  if (share < 1 / 3) return "Nearly out. The next call goes at once and renews it on the side.";
  return "Good. Calls go straight through.";
}

function PollingSwitch() {
  const dispatch = useAct();
  const isPolling = useStore((state) => state.ui.isPolling);
  return (
    <Switch isOn={isPolling} onChange={(isOn) => dispatch(pollingSwitched(isOn))} label="Keep me walking about">
      One call every 5 seconds. Switch it off and the pass drains to nothing: only activity renews it.
    </Switch>
  );
}
