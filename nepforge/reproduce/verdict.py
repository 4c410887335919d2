"""What a repetition shows: the same bits, the same numbers, or neither."""

from __future__ import annotations

from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Any, Literal

import attrs
from attrs import frozen

from nepforge.diff.drift import Drift, drift
from nepforge.diff.metrics import MetricPair, metric_pairs
from nepforge.diff.trace import TRACE_FILE, Divergence, first_divergence
from nepforge.store.artifacts import Artifacts
from nepforge.store.cache import FileRecord, differing_files

# reproduced: every recorded file that is not volatile has the recorded bytes; files that a later
# version adds do not count. within_tolerance: files differ, every metric with a tolerance is
# inside it. drifted: a metric is outside, or none has a tolerance, and the arithmetic differs.
# not_reproduced: likewise with equal arithmetic.
Verdict = Literal["reproduced", "within_tolerance", "drifted", "not_reproduced", "unverifiable"]
HELD: tuple[Verdict, ...] = ("reproduced", "within_tolerance")
WORDS: dict[Verdict, str] = {
    "reproduced": "REPRODUCED bitwise",
    "within_tolerance": "WITHIN TOLERANCE",
    "drifted": "DRIFTED",
    "not_reproduced": "NOT REPRODUCED",
    "unverifiable": "UNVERIFIABLE",
}


@frozen
class Judgement:
    """A repetition beside its original."""

    verdict: Verdict
    n_files: int  # that were compared
    differing: Mapping[str, tuple[str, str]]  # "stage/file" -> recorded and found sha256
    metrics: tuple[MetricPair, ...]
    drift: tuple[Drift, ...]
    divergence: Divergence | None  # of the training; None when it did not diverge or is unknown
    trace: Literal["same", "differs", "unknown"]  # unknown: the original is no longer here
    reason: str = ""  # why it is unverifiable

    @property
    def first_stage(self) -> str:
        """The first stage that differs; "" when there is none."""
        return next(iter(self.differing), "").rpartition("/")[0]

    def to_json(self) -> dict[str, Any]:
        """For the ledger and for programs."""
        return {
            "verdict": self.verdict,
            **({"reason": self.reason} if self.reason else {}),
            "artifacts": {
                "compared": self.n_files,
                "differing": {
                    name: {"original": one, "found": two}
                    for name, (one, two) in self.differing.items()
                },
            },
            "comparison": {
                pair.name: {
                    "unit": pair.unit,
                    "original": pair.first,
                    "found": pair.second,
                    "allowed": pair.allowed,
                    "within": pair.within,
                }
                for pair in self.metrics
            },
            "trace": self.trace,
            "first_divergence": None if self.divergence is None else self.divergence.to_json(),
            "drift": [attrs.asdict(item) for item in self.drift],
        }


def judge(original: Artifacts, repetition: Artifacts) -> Judgement:
    """Compare files by digest and metrics under the tolerances of the original."""
    first, second = original.entry.body, repetition.entry.body
    n_files, differing = _compare_files(original, repetition)
    metrics = tuple(metric_pairs(first, second, first["tolerances"]))
    found_drift = tuple(drift(first, second))
    divergence, trace = _compare_traces(original, repetition)
    return Judgement(
        verdict=_verdict(bool(differing), metrics, found_drift),
        n_files=n_files,
        differing=differing,
        metrics=metrics,
        drift=found_drift,
        divergence=divergence,
        trace=trace,
    )


def unverifiable(reason: str) -> Judgement:
    """The run could not be repeated at all."""
    return Judgement("unverifiable", 0, {}, (), (), None, "unknown", reason)


def _verdict(
    differs: bool, metrics: tuple[MetricPair, ...], found_drift: tuple[Drift, ...]
) -> Verdict:
    if not differs:
        return "reproduced"
    judged = [pair.within for pair in metrics if pair.within is not None]
    if judged and all(judged):
        return "within_tolerance"
    return "drifted" if any(item.effect == "numbers" for item in found_drift) else "not_reproduced"


def _compare_files(
    original: Artifacts, repetition: Artifacts
) -> tuple[int, dict[str, tuple[str, str]]]:
    """How many files were compared, and those that differ, in the order of the stages."""
    n_files, differing = 0, {}
    theirs = repetition.stages
    for name, stage in original.stages.items():
        volatile = tuple(stage["volatile"])
        first, second = _files(stage), _files(theirs.get(name, {"outputs": {}}))
        second = {file: record for file, record in second.items() if file in first}
        n_files += sum(not _matches(file, volatile) for file in first)
        for file, digests in differing_files(first, second, volatile).items():
            differing[f"{name}/{file}"] = digests
    return n_files, differing


def _matches(name: str, patterns: tuple[str, ...]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)


def _files(stage: Mapping[str, Any]) -> dict[str, FileRecord]:
    return {
        name: FileRecord(record["sha256"], record["size"])
        for name, record in stage["outputs"].items()
    }


def _compare_traces(
    original: Artifacts, repetition: Artifacts
) -> tuple[Divergence | None, Literal["same", "differs", "unknown"]]:
    for stage, recorded in original.stages.items():
        if TRACE_FILE not in recorded["outputs"]:
            continue
        found = repetition.stages.get(stage, {}).get("outputs", {}).get(TRACE_FILE, {})
        if found.get("sha256") == recorded["outputs"][TRACE_FILE]["sha256"]:
            continue
        first, second = (side.find(stage, TRACE_FILE) for side in (original, repetition))
        if first is None or second is None:
            return None, "unknown"
        return first_divergence(first, second), "differs"
    return None, "same"
