/** The lanes of the waterfall: a call, a bundle of equal calls, a refresh. Screen readers get text instead of bars. */

import type { CSSProperties, ReactNode } from "react";

import { count } from "../store/describe";
import type { Call, Refresh, Span } from "../store/requestGroup";
import { Renew } from "./icons";

/** The time range (ms) that the width of a lane represents. */
export interface Scale {
  from: number;
  to: number;
}

interface LaneProps {
  label: ReactNode;
  result: string;
  isBad: boolean;
  words: string;
  kind?: string;
  children: ReactNode;
}

function Lane({ label, result, isBad, words, kind = "call", children }: LaneProps) {
  return (
    <li className="lane" data-kind={kind}>
      <span className="lane-label">{label}</span>
      <span className="track" aria-hidden="true">
        {children}
      </span>
      <span className="lane-result" data-bad={isBad}>
        {result}
      </span>
      <span className="hidden">{words}</span>
    </li>
  );
}

/** One call with its phases. */
export function CallLane({ call, scale }: { call: Call; scale: Scale }) {
  return (
    <Lane
      label={<Name method={call.method} url={call.url} />}
      result={call.end === null ? "…" : resultOf(call.status)}
      isBad={call.end !== null && !isGood(call)}
      words={wordsOf(call)}
    >
      <span className="strip">
        <Bars call={call} scale={scale} />
      </span>
    </Lane>
  );
}

/** Many equal calls as thin lines. */
export function BundleLane({ calls, scale }: { calls: Call[]; scale: Scale }) {
  const [first] = calls;
  if (first === undefined) return null;
  const done = calls.filter((call) => call.end !== null);
  const good = done.filter(isGood).length;
  return (
    <Lane
      label={<Name method={`${calls.length} × ${first.method}`} url={first.url} />}
      result={done.length < calls.length ? `${done.length} of ${calls.length}` : `${good} × 200`}
      isBad={good < done.length}
      words={`${good} of ${calls.length} answered well.`}
      kind="bundle"
    >
      {calls.map((call) => (
        <span key={call.id} className="strip hair">
          <Bars call={call} scale={scale} />
        </span>
      ))}
    </Lane>
  );
}

/** A refresh, labelled with the generations before and after. */
export function RefreshLane({ refresh, scale }: { refresh: Refresh; scale: Scale }) {
  const { from, to, outcome, shared, attempts } = refresh;
  const step = from !== null && to !== null ? `${from} → ${to}` : "";
  const result = { ok: shared ? "shared" : step || "renewed", ended: "ended", transient: "no answer" }[outcome ?? "ok"];
  const times = attempts > 1 ? ` ${attempts} attempts.` : "";
  return (
    <Lane
      label={
        <>
          <Renew /> Refresh{shared ? " by another tab" : ""}
        </>
      }
      result={outcome === null ? "…" : result}
      isBad={outcome === "ended" || outcome === "transient"}
      words={`Refresh, ${outcome ?? "under way"}.${step && ` Generation ${step}.`}${times}`}
      kind="refresh"
    >
      <span className="strip">
        <Bar phase="refresh" from={refresh.start} to={refresh.end} scale={scale} />
      </span>
    </Lane>
  );
}

function Name({ method, url }: { method: string; url: string }) {
  return (
    <>
      <span className="method">{method}</span> <span className="url">{url}</span>
    </>
  );
}

function Bars({ call, scale }: { call: Call; scale: Scale }) {
  return call.spans.map((span, index) => (
    <Bar key={span.from + span.phase} phase={shadeOf(call, index)} from={span.from} to={span.to} scale={scale} />
  ));
}

function Bar({ phase, from, to, scale }: { phase: string; from: number; to: number | null; scale: Scale }) {
  const whole = scale.to - scale.from;
  const left = (from - scale.from) / whole;
  const width = ((to ?? scale.to) - from) / whole;
  return <span className="span" data-phase={phase} style={{ "--left": left, "--width": width } as CSSProperties} />;
}

/** A call that waited or was sent again after being sent has been refused the first time. */
function shadeOf(call: Call, index: number): Span["phase"] | "refused" {
  const span = call.spans[index] as Span;
  return span.phase === "sent" && index < call.spans.length - 1 ? "refused" : span.phase;
}

function isGood(call: Call): boolean {
  return call.status !== null && call.status >= 200 && call.status < 400;
}

function resultOf(status: number | null): string {
  return status ? String(status) : "no answer";
}

function wordsOf(call: Call): string {
  if (call.end === null) return "Under way.";
  const length = (phase: Span["phase"]) =>
    call.spans.filter((span) => span.phase === phase).reduce((sum, span) => sum + (span.to ?? 0) - span.from, 0);
  const waited = length("waiting");
  const again = call.spans.filter((span) => span.phase === "replay").length;
  const parts = [
    waited > 0 ? `waited ${Math.round(waited)} ms for a new pass` : "",
    again > 0 ? `sent again ${count(again, "time")}` : "",
    `done after ${Math.round(call.end - call.start)} ms`,
  ];
  return `${parts.filter(Boolean).join(", ")}.`;
}
