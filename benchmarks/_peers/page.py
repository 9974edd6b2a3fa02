"""The page on which a run of `benchmarks/peers.py` is published: Markdown, made of its figures alone."""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from benchmarks._browsers import Slice
from benchmarks._peers.trials import PARALLEL, Trials, said

GATEPASS = "Gatepass"
HEAD = """# Beside other systems

This page is written by a program; change that one, not this one:

    {command}

**All figures come from one run**, of {date}, on a machine with {machine}. It was {load}. All servers were up at
once. Each round gave each of them a slice of {seconds:g} s with {connections} keep-alive connections and one with a
single connection, in random order; other servers were idle meanwhile. {rounds} rounds, the first not counted.
Tables show medians. Ratios are taken inside a round and shown with their quartiles.

## Refreshes per second

PostgreSQL {postgres} with its defaults (each commit is flushed), one database for each; one server process for
each; {connections} sessions of one account. *Gatepass is* says how many times as many refreshes Gatepass answers.
"""
CAVEATS = """
What the figures do not say:

* Load generator, servers and PostgreSQL share the cores. Only ratios carry over to another machine, and those
  roughly.
* Not all do the same. See below what each persists: two extend a session and rotate nothing, one keeps a list of
  used tokens and no sessions. Gatepass also checks a proof of the browser's key, writes an audit event and keeps a
  limit on requests.
* Each runs as its documentation shows, with limits on requests off where it has them, and nothing was tuned. WSGI
  servers have 16 threads. Where a package has no storage or no refresh of its own, ours is in
  `benchmarks/_peers/apps`, which shows each application whole.
* The *floor* is no product: it shows what HTTP, Python and PostgreSQL leave room for. *pgbench* sends the statement
  of Gatepass's store, without HTTP and without Python, to 100,000 rows.
"""
TRIALS = """
## When it gets real

*{parallel} at once*: that many requests present one token at the same time, as tabs do; {times} trials, answers
added up. *Sessions then*: how many live on side by side, each with tokens of its own. 1 is right; 0 signs a person
out; more are copies, of which a thief may have one.

*Newest, stolen*: what is answered to a thief who presents the newest token first. *Used token*: what is answered to
one that was exchanged twice ago; then whether its owner's newest refresh and access tokens still work. Where the
token alone is enough to refresh, "no" is right: of two holders one is a thief. Gatepass's thief has the token and
lacks the key that the session is bound to, which the browser does not send: it gets nothing, and the owner stays
signed in.

| | {parallel} at once | sessions then | newest, stolen | used token | newest refresh token | newest access token |
|---|---|--:|---|---|---|---|
"""
CPU = ("server_cpu", "store_cpu")
KEPT = """
## What is kept

| | a refresh persists | hashed | versions |
|---|---|---|---|
"""


@dataclass(slots=True)
class Row:
    """A subject: what it is, and its slices, round by round."""

    name: str
    persists: str
    hashes: str
    versions: str
    many: list[Slice] = field(default_factory=list)
    one: list[Slice] = field(default_factory=list)
    trials: Trials | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """How it was measured."""

    command: str
    date: str
    machine: str
    load: str
    postgres: str
    seconds: float
    connections: int
    rounds: int
    trials: int


def page(run: Run, rows: Sequence[Row], absent: Mapping[str, str]) -> str:
    """The page. `absent`: what was not measured, and why."""
    ours = next(row for row in rows if row.name == GATEPASS)
    ordered = sorted(rows, key=lambda row: -_rate(row.many))
    head = HEAD.format(**{name: getattr(run, name) for name in run.__slots__})
    text = [head, *_rates(ours, ordered), *(f"\nNot measured: {name} {why}." for name, why in absent.items()), CAVEATS]
    text.append(TRIALS.format(parallel=PARALLEL, times=run.trials).rstrip("\n"))
    text += [_trial(row.name, row.trials) for row in ordered if row.trials]
    text.append(KEPT.rstrip("\n"))
    text += [f"| {row.name} | {row.persists} | {row.hashes} | {row.versions} |" for row in ordered]
    return "\n".join(text) + "\n"


def _rates(ours: Row, rows: Sequence[Row]) -> list[str]:
    titles = (
        *("", "per second", "Gatepass is", "quartiles", "p50 ms", "p99 ms", "1 connection, p50 ms", "its CPU ms"),
        *("PostgreSQL CPU ms", "WAL bytes"),
    )
    lines = [f"| {' | '.join(titles)} |", "|---|" + "--:|" * (len(titles) - 1)]
    for row in rows:
        ratios = [here.rate / there.rate for here, there in zip(ours.many, row.many, strict=True)]
        low, middle, high = statistics.quantiles(ratios, n=4) if len(ratios) > 1 else ratios * 3
        is_self = row is ours
        cells = [
            f"**{row.name}**" if is_self else row.name,
            f"{_rate(row.many):,.0f}",
            "" if is_self else f"{middle:.2f} ×",
            "" if is_self else f"{low:.2f} to {high:.2f}",
            *(f"{value:.2f}" if value else "" for value in _latencies(row.many)),
            f"{_latencies(row.one)[0]:.2f}",
            *(
                f"{_each(row.many, name) * 1000:.3f}" if _each(row.many, name) else ""
                for name in ("server_cpu", "store_cpu")
            ),
            f"{_each(row.many, 'wal'):,.0f}",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def _trial(name: str, trials: Trials) -> str:
    low, high = min(trials.chains), max(trials.chains)
    works = ["works" if good else "no" for good in (trials.newest, trials.access)]
    alive = f"{low}" if low == high else f"{low} to {high}"
    cells = (name, ", ".join(said(trials.answers)), alive, str(trials.stolen), str(trials.used), *works)
    return f"| {' | '.join(cells)} |"


def _rate(slices: Sequence[Slice]) -> float:
    return statistics.median(one.rate for one in slices)


def _latencies(slices: Sequence[Slice]) -> list[float]:
    """p50 and p99, milliseconds; of pgbench, which tells an average alone, that and nothing."""
    every = sorted(latency for one in slices for latency in one.latencies)
    if len(every) <= len(slices):
        return [statistics.median(every) * 1000 if every else 0.0, 0.0]
    return [every[int(len(every) * quantile)] * 1000 for quantile in (0.5, 0.99)]


def _each(slices: Sequence[Slice], name: str) -> float:
    """The median of what a refresh costs."""
    costs: list[float] = [getattr(one, name) / one.done for one in slices]
    return statistics.median(costs)
