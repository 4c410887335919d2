"""Numbers of two runs: how far apart, within which tolerance, and whether it is significant."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from statistics import fmean, stdev
from typing import Any

from attrs import frozen

from nepforge.ledger.entry import Entry

SIGNIFICANT = 0.05  # p of Welch's t-test


@frozen
class MetricPair:
    """One metric of two runs; None where it is missing. `within` is None without tolerance."""

    name: str
    unit: str
    first: float | None
    second: float | None
    allowed: float | None = None  # absolute, unit of the metric
    p_value: float | None = None  # None with fewer than two different repeats of each
    n_repeats: tuple[int, int] = (1, 1)

    @property
    def difference(self) -> float:
        if self.first is None or self.second is None:
            return math.inf
        return self.second - self.first

    @property
    def relative(self) -> float:
        """The difference over the value in the first run."""
        return self.difference / abs(self.first) if self.first else math.inf

    @property
    def same(self) -> bool:
        return self.first == self.second

    @property
    def within(self) -> bool | None:
        return None if self.allowed is None else abs(self.difference) <= self.allowed


def metric_pairs(
    first: Mapping[str, Any], second: Mapping[str, Any], tolerances: Mapping[str, Any]
) -> list[MetricPair]:
    """The metrics of two run bodies.

    Args:
        first: A body; relative tolerances refer to it.
        second: Another body.
        tolerances: Metric name without its stage -> {"relative": x} or {"absolute": x}.
    """
    one, two = first["metrics"], second["metrics"]
    pairs = []
    for name in [*one, *(name for name in two if name not in one)]:
        a, b = (_value(metrics, name) for metrics in (one, two))
        limit = tolerances.get(name.rpartition(".")[2])
        unit = (one.get(name) or two[name])["unit"]
        pairs.append(MetricPair(name, unit, a, b, _allowed(limit, a)))
    return pairs


def _value(metrics: Mapping[str, Any], name: str) -> float | None:
    return float(metrics[name]["value"]) if name in metrics else None


def _allowed(limit: Mapping[str, float] | None, value: float | None) -> float | None:
    if limit is None:
        return None
    if limit.get("absolute") is not None:
        return limit["absolute"]
    return abs(value or 0.0) * limit["relative"]


def repeats_of(body: Mapping[str, Any], entries: Iterable[Entry]) -> list[Mapping[str, Any]]:
    """Bodies of finished runs of the same recipe up to its seed, one for each different result.

    Two runs with the same seed have the same bits and say nothing about the spread, so only one
    of each recipe hash counts.
    """
    wanted = _without_seed(body)
    found: dict[str, Mapping[str, Any]] = {body["recipe"]["hash"]: body}
    for entry in entries:
        finished = entry.type == "run" and entry.body["outcome"] == "finished"
        if finished and _without_seed(entry.body) == wanted:
            found.setdefault(entry.body["recipe"]["hash"], entry.body)
    return list(found.values())


def _without_seed(body: Mapping[str, Any]) -> dict[str, Any]:
    named = {"seed", "name", "description"}
    return {key: value for key, value in body["recipe"]["resolved"].items() if key not in named}


def p_value(first: Sequence[float], second: Sequence[float]) -> float | None:
    """Two-sided p of Welch's t-test: how often chance alone separates two such samples so far.

    None with fewer than two values on a side, or when neither side varies.
    """
    if min(len(first), len(second)) < 2 or len({*first}) == len({*second}) == 1:
        return None
    from scipy.stats import ttest_ind_from_stats  # noqa: PLC0415 - 1 s, only with repeats

    one, two = ((fmean(values), stdev(values), len(values)) for values in (first, second))
    return float(ttest_ind_from_stats(*one, *two, equal_var=False).pvalue)
