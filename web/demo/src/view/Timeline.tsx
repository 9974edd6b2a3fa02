/** The last 90 seconds: the time left of each access token, each renewal as a flag, each call as a dot. */

import type { CSSProperties } from "react";

import { useStore } from "../store";
import { type Mark, type Pass, WINDOW } from "../store/activity";
import { count } from "../store/describe";

/** Flags closer together than this (ms) would hide each other's numbers. */
const LEGIBLE = 6_000;

/** `now` in ms of performance.now(); `life`, the lifetime of an access token, in ms. */
export function Timeline({ now, life }: { now: number; life: number }) {
  const passes = useStore((state) => state.activity.passes);
  const marks = useStore((state) => state.activity.marks);
  const from = now - WINDOW;
  const renewals = passes.filter((pass) => pass.at > from);
  const dots = thinned(marks.filter((mark) => mark.at > from));
  const across = (at: number) => ({ "--x": (at - from) / WINDOW }) as CSSProperties;

  return (
    <figure className="timeline">
      <div className="chart" aria-hidden="true">
        <svg aria-hidden="true" viewBox="0 0 1000 100" preserveAspectRatio="none">
          <path d={outline(passes, { from, now, life })} />
        </svg>
        {renewals.map((pass, index) => (
          <span key={pass.at} className="flag" style={across(pass.at)}>
            {(renewals[index + 1]?.at ?? Infinity) - pass.at > LEGIBLE && <b>{pass.generation}</b>}
          </span>
        ))}
        {dots.map((mark) => (
          <span
            key={mark.at}
            className="dot"
            data-good={mark.status > 0 && mark.status < 400}
            style={across(mark.at)}
          />
        ))}
      </div>
      <figcaption>
        The last {WINDOW / 1000} seconds: {count(marks.filter((mark) => mark.at > from).length, "call")} (dots),{" "}
        {count(renewals.length, "pass")} (flags).
      </figcaption>
    </figure>
  );
}

/** The outline: a saw-tooth that falls during each access token and rises with the next. */
function outline(passes: Pass[], { from, now, life }: { from: number; now: number; life: number }): string {
  const steps = passes.flatMap((pass, index) => {
    const begin = Math.max(pass.at, from);
    const end = Math.min(passes[index + 1]?.at ?? now, now);
    if (end <= begin) return [];
    const dry = Math.min(end, pass.at + pass.lifetime);
    const height = (at: number) => 100 - 92 * Math.max(0, (pass.at + pass.lifetime - at) / life);
    const x = (at: number) => (1000 * (at - from)) / WINDOW;
    const point = (at: number, y: number) => `L${x(at).toFixed(1)} ${y.toFixed(1)}`;
    return [
      `M${x(begin).toFixed(1)} 100`,
      point(begin, height(begin)),
      point(dry, height(dry)),
      point(end, height(end)),
      point(end, 100),
      "Z",
    ];
  });
  return steps.join("");
}

/** Keeps one dot where many calls ended together and would hide each other. */
function thinned(marks: Mark[]): Mark[] {
  const slots = new Map<number, Mark>();
  for (const mark of marks) slots.set(Math.floor(mark.at / 300), mark);
  return [...slots.values()];
}
