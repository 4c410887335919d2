"""The verdict on a repetition, for people."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from rich.console import Console
from rich.text import Text

from nepforge.diff.drift import Drift
from nepforge.diff.metrics import MetricPair
from nepforge.ledger.entry import Entry
from nepforge.reproduce.verdict import WORDS, Judgement, Verdict
from nepforge.ui.listings import columns
from nepforge.ui.words import counted, number, short

DIGITS = 6  # of a metric
SHOWN_DRIFT = 12
STYLES: Mapping[Verdict, str] = {
    "reproduced": "bold green",
    "within_tolerance": "bold green",
    "drifted": "bold yellow",
    "not_reproduced": "bold red",
    "unverifiable": "bold red",
}
EFFECT_WORDS = {
    "numbers": "can change numbers",
    "code": "nepforge itself",
    "other": "should not matter",
}


def print_judgement(console: Console, judgement: Judgement, original: Entry, entry: Entry) -> None:
    """Print verdict, numbers, first difference and what the machines differ in."""
    console.print(
        Text.assemble(
            (WORDS[judgement.verdict], STYLES[judgement.verdict]),
            f"  {original.body['name']}, run {short(original.hash)}",
        ),
        soft_wrap=True,
    )
    n_same = judgement.n_files - len(judgement.differing)
    lines = [f"  {n_same} of {counted(judgement.n_files, 'file')} have the recorded bytes"]
    lines += _first_difference(judgement)
    lines += ["", metrics_text(judgement.metrics)]
    if judgement.drift:
        title = "what differs between the machines, the most telling first"
        lines += ["", title, drift_text(judgement.drift)]
    lines += ["", f"recorded: entry {entry.seq}, {short(entry.hash)}"]
    console.print(Text("\n".join(lines)), soft_wrap=True)


def metrics_text(metrics: Sequence[MetricPair]) -> str:
    """Both values, how far they are apart, and what the recipe allows; equal ones are counted."""
    told = [pair for pair in metrics if not pair.same or pair.allowed is not None]
    if not told:
        return f"  all {counted(len(metrics), 'metric')} are the same"
    rows = [["metric", "original", "now", "difference", "allowed", ""]]
    rows += [
        [
            pair.name,
            _shown(pair.first),
            _shown(pair.second),
            "same" if pair.same else _shown(pair.difference),
            "-" if pair.allowed is None else number(pair.allowed, 3),
            {None: "", True: "within", False: "OUTSIDE"}[pair.within],
        ]
        for pair in told
    ]
    n_more = len(metrics) - len(told)
    return columns(rows, "  ") + (f"\n  {n_more} more are the same" if n_more else "")


def drift_text(drifts: Sequence[Drift]) -> str:
    """One line for each thing that differs."""
    rows = [
        [EFFECT_WORDS[item.effect], item.name, short(item.first) or "-", short(item.second) or "-"]
        for item in drifts[:SHOWN_DRIFT]
    ]
    more = len(drifts) - SHOWN_DRIFT
    return columns(rows, "  ") + (f"\n  and {more} more" if more > 0 else "")


def _first_difference(judgement: Judgement) -> list[str]:
    if not judgement.differing:
        return []
    files = [name for name in judgement.differing if name.startswith(f"{judgement.first_stage}/")]
    lines = [f"  first stage with other bytes: {judgement.first_stage} ({', '.join(files)})"]
    if judgement.divergence is not None:
        lines.append(f"  the trainings part {judgement.divergence.text}")
    elif judgement.trace == "unknown":
        lines.append("  the trace of the original training is not here: the first step is unknown")
    return lines


def _shown(value: float | None) -> str:
    if value is None or not math.isfinite(value):
        return "-"
    return number(value, DIGITS)
