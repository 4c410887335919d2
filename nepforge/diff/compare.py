"""Everything in which two recorded runs differ."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Literal

import attrs
from attrs import evolve, frozen

from nepforge.diff.drift import Drift, drift
from nepforge.diff.frames import FRAMES_FILE, FrameChanges, frame_changes
from nepforge.diff.metrics import MetricPair, metric_pairs, p_value, repeats_of
from nepforge.diff.trace import TRACE_FILE, Divergence, first_divergence
from nepforge.diff.weights import BlockDifference, weight_differences
from nepforge.ledger.entry import Entry
from nepforge.store.artifacts import Artifacts
from nepforge.store.run_record import flat

TIMING = "timing.json"
# same: equal digests. compared: both files are here. gone: one of them is no longer here.
# none: one of the runs has no such file.
Known = Literal["same", "compared", "gone", "none"]


@frozen
class Changed:
    """A value that differs; None where it is missing."""

    name: str
    first: Any
    second: Any


@frozen
class Difference:
    """Two runs side by side. What is equal is left out, metrics apart."""

    first: Entry
    second: Entry
    recipe: tuple[Changed, ...]
    environment: tuple[Drift, ...]
    frames: FrameChanges | None
    frames_known: Known
    trace: Divergence | None
    trace_known: Known
    weights: tuple[BlockDifference, ...]
    weights_known: Known
    metrics: tuple[MetricPair, ...]  # MD observables among them
    speed: tuple[Changed, ...]  # never a difference by itself

    @property
    def differs(self) -> bool:
        """Whether anything but the speed and the environment differs."""
        found = (self.frames and self.frames.any, self.trace, self.recipe)
        changed_weights = any(block.difference for block in self.weights)
        return any(found) or changed_weights or any(not pair.same for pair in self.metrics)

    def to_json(self) -> dict[str, Any]:
        entries = attrs.filters.exclude(Entry)
        fields = attrs.asdict(self, filter=entries)
        sides = {
            name: {"hash": entry.hash, "seq": entry.seq, "name": entry.body["name"]}
            for name, entry in (("first", self.first), ("second", self.second))
        }
        return {"v": 1, **sides, "differs": self.differs, **fields}


def compare(one: Artifacts, two: Artifacts, history: Iterable[Entry]) -> Difference:
    """Compare two runs.

    Args:
        one: The first run; relative numbers refer to it.
        two: The second run.
        history: Entries among which repeats are looked for.
    """
    first, second = one.entry.body, two.entry.body
    frames, frames_known = _pair(one, two, "data", FRAMES_FILE)
    trace, trace_known = _pair(one, two, "train", TRACE_FILE)
    weights, weights_known = _pair(one, two, "train", one.model_name)
    return Difference(
        first=one.entry,
        second=two.entry,
        recipe=tuple(_changed(first["recipe"]["resolved"], second["recipe"]["resolved"])),
        environment=tuple(drift(first, second)),
        frames=frame_changes(*frames) if frames else None,
        frames_known=frames_known,
        trace=first_divergence(*trace) if trace else None,
        trace_known=trace_known,
        weights=tuple(weight_differences(*weights)) if weights else (),
        weights_known=weights_known,
        metrics=tuple(_with_significance(first, second, list(history))),
        speed=tuple(_changed(_speeds(one), _speeds(two))),
    )


def _pair(
    one: Artifacts, two: Artifacts, stage: str, name: str
) -> tuple[tuple[Path, Path] | None, Known]:
    """The files of both runs when they differ, and what is known of them."""
    recorded = [side.stages.get(stage, {}).get("outputs", {}).get(name) for side in (one, two)]
    if None in recorded:
        return None, "none"
    if recorded[0] == recorded[1]:
        return None, "same"
    first, second = one.find(stage, name), two.find(stage, name)
    if first is None or second is None:
        return None, "gone"
    return (first, second), "compared"


def _changed(first: Mapping[str, Any], second: Mapping[str, Any]) -> Iterable[Changed]:
    old, new = dict(flat(first)), dict(flat(second))
    for name in [*old, *(name for name in new if name not in old)]:
        if old.get(name) != new.get(name):
            yield Changed(name, old.get(name), new.get(name))


def _with_significance(
    first: Mapping[str, Any], second: Mapping[str, Any], history: list[Entry]
) -> Iterable[MetricPair]:
    """Metrics with the p of Welch's t-test over repeats with other seeds."""
    repeats = [repeats_of(body, history) for body in (first, second)]
    shared = {body["recipe"]["hash"] for body in repeats[0]}
    if shared & {body["recipe"]["hash"] for body in repeats[1]}:
        repeats = [[first], [second]]  # two seeds of one recipe: nothing to tell apart
    for pair in metric_pairs(first, second, first["tolerances"]):
        samples = [
            [body["metrics"][pair.name]["value"] for body in bodies if pair.name in body["metrics"]]
            for bodies in repeats
        ]
        p = p_value(*samples)
        yield evolve(pair, p_value=p, n_repeats=(len(samples[0]), len(samples[1])))


def _speeds(side: Artifacts) -> dict[str, float]:
    """Seconds of each build, and what the stages timed."""
    speeds = {f"{name}.seconds": stage["seconds"] for name, stage in side.stages.items()}
    for name, stage in side.stages.items():
        path = side.find(name, TIMING) if TIMING in stage["outputs"] else None
        if path is not None:
            timing = json.loads(path.read_text(encoding="utf-8"))
            speeds |= {f"{name}.{key}": value for key, value in timing.items() if key != "seconds"}
    return speeds
