/** One entry of the log-book: a sentence, and below it a waterfall with its own time scale. */

import { memo } from "react";

import { describeGroup } from "../store/describe";
import { type Call, isOpen, lastMoment, type RequestGroup } from "../store/requestGroup";
import { BundleLane, CallLane, RefreshLane, type Scale } from "./Lane";
import { PromiseChip } from "./PromiseChip";

/** At least this many equal calls are drawn as one bundle of thin lines. */
const BUNDLE = 6;
/** The shortest time scale, ms, so that a call of 4 ms looks short. */
const SHORTEST = 60;

const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit" });

interface Props {
  group: RequestGroup;
  isNewest: boolean;
}

export const RequestGroupEntry = memo(function RequestGroupEntry({ group, isNewest }: Props) {
  const description = describeGroup(group);
  const rows = [...group.calls, ...group.refreshes];
  const from = Math.min(...rows.map((row) => row.start));
  // A group in progress is drawn up to its last fact, not up to now, so nothing flickers.
  const scale: Scale = { from, to: Math.max(lastMoment(group), from + SHORTEST) };

  return (
    <li className="request-group" data-tone={description.tone}>
      <details open={isNewest}>
        <summary>
          <span className="request-group-line">{description.headline}</span>
          <time dateTime={new Date(group.wall).toISOString()}>{clock.format(group.wall)}</time>
        </summary>
        <p className="request-group-detail">
          {description.detail} <PromiseChip id={description.promise} />
        </p>
        <ol className="lanes" aria-busy={isOpen(group)}>
          {group.refreshes.map((refresh) => (
            <RefreshLane key={refresh.id} refresh={refresh} scale={scale} />
          ))}
          {bundled(group.calls).map((calls) =>
            calls.length >= BUNDLE ? (
              <BundleLane key={calls[0]?.id} calls={calls} scale={scale} />
            ) : (
              calls.map((call) => <CallLane key={call.id} call={call} scale={scale} />)
            ),
          )}
        </ol>
        <p className="ruler" aria-hidden="true">
          <span>0</span>
          <span>{Math.round(scale.to - scale.from)} ms</span>
        </p>
      </details>
    </li>
  );
});

/** Groups calls by method and address, in the order of the first. */
function bundled(calls: Call[]): Call[][] {
  const bundles = new Map<string, Call[]>();
  for (const call of calls) {
    const name = `${call.method} ${call.url}`;
    bundles.set(name, [...(bundles.get(name) ?? []), call]);
  }
  return [...bundles.values()];
}
