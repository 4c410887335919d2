"""The body of a `run` entry: everything needed to repeat the run and to judge the repetition."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from attrs import frozen

from nepforge.events import Outcome
from nepforge.ledger.entry import map_texts, without_credentials, without_machine, without_paths
from nepforge.plan.stage import Plan, Stage
from nepforge.quantities import QUANTITIES
from nepforge.store.cache import Published, files_body
from nepforge.store.software import DEVICE, software

# First match counts; a name without a match is a pure number.
_METRIC_UNITS = (
    *(
        (f"_{quantity.name}_{error}", quantity.unit)
        for quantity in sorted(QUANTITIES, key=lambda one: -len(one.name))  # ..._atomic_energy_rmse
        for error in ("rmse", "mae")
    ),
    ("energy_difference", "eV/atom"),
    ("force_", "eV/Å"),
    ("stress_", "GPa"),
    ("energy_drift", "eV/atom/ps"),
    ("potential_energy", "eV/atom"),
    ("atom_steps_per_", "1/s"),
    ("temperature", "K"),
    ("pressure_bar", "bar"),
    ("pressure_gpa", "GPa"),
    ("density", "g/cm³"),
    ("seconds", "s"),
)


@frozen
class StageRecord:
    """A stage of a run that has a result."""

    stage: Stage
    published: Published
    cached: bool  # taken from the cache, not computed in this run
    resumed: bool  # computed from a checkpoint of an earlier run
    metrics: Mapping[str, float]


@frozen
class Failure:
    """Why a run did not finish."""

    stage: str
    error: str  # class name
    message: str


@frozen
class RunRecord:
    """One run, before it is written down."""

    plan: Plan
    outcome: Outcome
    seconds: float
    stages: Sequence[StageRecord]
    failure: Failure | None = None

    @property
    def metrics(self) -> dict[str, float]:
        """ "stage.metric" -> value."""
        return {
            f"{record.stage.name}.{name}": value
            for record in self.stages
            for name, value in record.metrics.items()
        }


def run_body(run: RunRecord, workspace: Path) -> dict[str, Any]:
    """The ledger body of a run.

    The recipe stays as the user wrote it, minus credentials. Resolved settings and messages lose
    absolute paths too, and messages the name of the machine.
    """
    plan = run.plan
    body = {
        "name": plan.name,
        "outcome": run.outcome,
        "recipe": {
            "file": plan.recipe_file,
            "path": _place(plan, workspace),
            "overrides": [without_credentials(text) for text in plan.overrides],
            "hash": plan.recipe_hash,
            "sha256": hashlib.sha256(plan.recipe_text.encode()).hexdigest(),
            "text": without_credentials(plan.recipe_text),
            "resolved": map_texts(plan.resolved, lambda text: without_paths(text, workspace)),
        },
        "seeds": {
            key: value for key, value in flat(plan.resolved) if key.rsplit(".", 1)[-1] == "seed"
        },
        "threads": plan.threads,
        "device": DEVICE,
        "seconds": round(run.seconds, 3),
        "stages": [_stage_body(record) for record in run.stages],
        "metrics": {
            name: {"value": value, "unit": metric_unit(name)} for name, value in run.metrics.items()
        },
        "tolerances": {name: dict(limits) for name, limits in plan.tolerances.items()},
        "environment": software(plan.threads),
    }
    if run.failure is not None:
        body["failure"] = {
            "stage": run.failure.stage,
            "error": run.failure.error,
            "message": without_machine(run.failure.message, workspace),
        }
    return body


def _place(plan: Plan, workspace: Path) -> str:
    """Where the recipe lies in the workspace; its name alone when it lies elsewhere."""
    if plan.recipe_path is None:
        return plan.recipe_file
    path = plan.recipe_path.resolve()
    inside = path.is_relative_to(workspace)
    return path.relative_to(workspace).as_posix() if inside else plan.recipe_file


def metric_unit(name: str) -> str:
    """The unit of a metric by its name, "" for a pure number."""
    return next((unit for part, unit in _METRIC_UNITS if part in name), "")


def flat(value: Any, key: str = "") -> Iterator[tuple[str, str | int | float | bool]]:
    """Dotted key -> value of nested tables; an array element has the key "md[0]"."""
    if isinstance(value, Mapping):
        for name, item in value.items():
            yield from flat(item, f"{key}.{name}" if key else name)
    elif isinstance(value, list | tuple):
        for idx, item in enumerate(value):
            yield from flat(item, f"{key}[{idx}]")
    elif value is not None:
        yield key, value


def _stage_body(record: StageRecord) -> dict[str, Any]:
    """`content` is what `key` is the hash of: table, input and source digests, numerics."""
    published = record.published
    return {
        "name": record.stage.name,
        "key": published.key,
        "cached": record.cached,
        "resumed": record.resumed,
        "seconds": round(published.seconds, 3),  # of the build, also when it was cached
        "content": published.content,
        "outputs": files_body(published.files),
        "volatile": list(published.volatile),
    }
