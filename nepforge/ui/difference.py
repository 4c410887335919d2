"""Two runs side by side, for people."""

from __future__ import annotations

import io
import math
from collections.abc import Iterator, Sequence
from typing import Any

from rich.console import Console
from rich.text import Text

from nepforge.diff.compare import Changed, Difference, Known
from nepforge.diff.metrics import SIGNIFICANT, MetricPair
from nepforge.ledger.entry import Entry
from nepforge.ui.listings import columns
from nepforge.ui.reproduction import drift_text
from nepforge.ui.words import counted, number, short

DIGITS = 6  # of a metric
SHOWN = 12  # lines of a section
HEADING, FIRST, SECOND = "bold", "red", "green"
UNKNOWN: dict[Known, str] = {
    "same": "the same",
    "gone": "different, but a copy is no longer here to compare",
    "none": "not written by both runs",
    "compared": "",
}


def print_difference(console: Console, found: Difference) -> None:
    """Print every section that has something to say; nothing is wrapped."""
    for line in _lines(found):
        console.print(line, soft_wrap=True)


def difference_html(found: Difference) -> str:
    """The same as one HTML page without outside references."""
    console = Console(record=True, file=io.StringIO(), width=1000, force_terminal=True)
    print_difference(console, found)
    return console.export_html(inline_styles=True)


def _lines(found: Difference) -> Iterator[Text]:
    yield Text.assemble(("- ", FIRST), _side(found.first))
    yield Text.assemble(("+ ", SECOND), _side(found.second))
    if found.recipe:
        yield from _section(f"recipe, {counted(len(found.recipe), 'key')}")
        yield from _changes(found.recipe)
    yield from _frames(found)
    if found.environment:
        yield from _section("environment, what can change numbers first")
        yield Text(drift_text(found.environment))
    yield from _section("training")
    yield Text(f"  {_training(found)}")
    yield from _weights(found)
    yield from _metrics("metrics", [pair for pair in found.metrics if not _is_md(pair)])
    yield from _metrics("MD observables", [pair for pair in found.metrics if _is_md(pair)])
    if found.speed:
        yield from _section("speed")
        yield from _changes(found.speed)


def _section(title: str) -> Iterator[Text]:
    yield Text()
    yield Text(title, style=HEADING)


def _side(entry: Entry) -> str:
    body = entry.body
    return f"{short(entry.hash)}  {body['name']}, {body['outcome']}, {entry.ts_utc[:16]}"


def _changes(changes: Sequence[Changed]) -> Iterator[Text]:
    width = max(len(change.name) for change in changes[:SHOWN])
    for change in changes[:SHOWN]:
        yield Text.assemble(
            f"  {change.name:{width}}  ",
            (_value(change.first), FIRST),
            " -> ",
            (_value(change.second), SECOND),
        )
    if len(changes) > SHOWN:
        yield Text(f"  and {len(changes) - SHOWN} more")


def _value(value: Any) -> str:
    if value is None:
        return "nothing"
    if isinstance(value, float):
        return number(value, DIGITS)
    return short(value) if isinstance(value, str) and len(value) == 64 else str(value)


def _frames(found: Difference) -> Iterator[Text]:
    yield from _section("data")
    changes = found.frames
    if changes is None or not changes.any:
        yield Text(f"  frames: {UNKNOWN[found.frames_known] or 'the same'}")
        return
    yield Text(f"  {changes.n_frames[0]} and {changes.n_frames[1]} frames")
    for word, style, names in (
        ("removed", FIRST, changes.removed),
        ("added", SECOND, changes.added),
        ("changed", "yellow", changes.changed),
        ("moved", "cyan", changes.moved),
    ):
        if names:
            more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
            listed = ", ".join(names[:SHOWN])
            yield Text.assemble("  ", (f"{len(names)} {word}", style), f": {listed}{more}")


def _training(found: Difference) -> str:
    if found.trace is not None:
        return f"the trainings part {found.trace.text}"
    return f"steps: {UNKNOWN[found.trace_known] or 'the same'}"


def _weights(found: Difference) -> Iterator[Text]:
    if not found.weights:
        yield Text(f"  weights: {UNKNOWN[found.weights_known] or 'of another shape'}")
        return
    rows = [["block", "numbers", "norm", "difference", "relative"]]
    rows += [
        [block.name, str(block.size), *map(_short_number, _norms(block))] for block in found.weights
    ]
    yield Text(columns(rows, "  "))


def _norms(block: Any) -> tuple[float, float, float]:
    return block.norm, block.difference, block.relative


def _short_number(value: float) -> str:
    return number(value, 3)


def _is_md(pair: MetricPair) -> bool:
    return pair.name.startswith("md:")


def _metrics(title: str, pairs: Sequence[MetricPair]) -> Iterator[Text]:
    told = [pair for pair in pairs if not pair.same]
    if not pairs:
        return
    yield from _section(title)
    if not told:
        yield Text(f"  all {counted(len(pairs), 'number')} are the same")
        return
    rows = [["metric", "first", "second", "difference", "relative", "", "unit"]]
    rows += [
        [
            pair.name,
            _metric(pair.first),
            _metric(pair.second),
            _metric(pair.difference),
            f"{100 * pair.relative:+.3g} %" if math.isfinite(pair.relative) else "-",
            _significance(pair),
            pair.unit,
        ]
        for pair in told
    ]
    yield Text(columns(rows, "  "))
    if len(pairs) > len(told):
        yield Text(f"  {len(pairs) - len(told)} more are the same")
    if all(pair.p_value is None for pair in told):
        yield Text("  one repeat of each: whether this means anything needs runs with other seeds")


def _metric(value: float | None) -> str:
    return "-" if value is None or not math.isfinite(value) else number(value, DIGITS)


def _significance(pair: MetricPair) -> str:
    if pair.p_value is None:
        return "-"
    word = "significant" if pair.p_value < SIGNIFICANT else "not significant"
    return f"{word}, p = {pair.p_value:.2g} ({pair.n_repeats[0]} and {pair.n_repeats[1]} runs)"
