"""What happens during a run, as frozen records. Stages and engine emit; ui and tracking listen.

Nothing reads events back: they are mirrors of the run, the ledger is the record.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Literal

from attrs import field, frozen

Outcome = Literal["finished", "failed", "interrupted"]


@frozen
class PlannedStage:
    """One line of the plan: what will happen to a stage and why."""

    name: str
    kind: str
    key: str | None  # None while an upstream output digest is not known yet
    cached: bool
    reason: str  # "cached", or why it must run
    remote: bool = False  # not cached, but in the remote store that was asked


@frozen
class RunStarted:
    name: str
    recipe_hash: str
    workspace: Path
    stages: tuple[PlannedStage, ...]
    parameters: Mapping[
        str, str | int | float | bool
    ]  # the resolved recipe, flattened by dotted key
    experiment: str = ""  # what runs are collected under; the name when empty


@frozen
class StageStarted:
    stage: str
    kind: str
    key: str
    reason: str
    resumed: bool = False


@frozen
class StageProgress:
    """`done` of `total` units of work; `total` 0 when unknown."""

    stage: str
    done: int
    total: int
    unit: str = "step"
    text: str = ""


@frozen
class EpochFinished:
    """Metric names carry their set: train_energy_rmse (eV/atom), valid_force_rmse (eV/Å), ..."""

    stage: str
    epoch: int  # 1-based
    epochs: int
    seconds: float  # training time so far, evaluation excluded
    metrics: Mapping[str, float]
    is_best: bool


@frozen
class StageFinished:
    stage: str
    kind: str
    key: str
    cached: bool
    seconds: float
    folder: Path  # the published, read-only folder in the cache
    metrics: Mapping[str, float]


@frozen
class Message:
    level: Literal["info", "warning", "error"]
    text: str
    stage: str = ""


@frozen
class RunFinished:
    outcome: Outcome
    recipe_hash: str
    run_hash: str  # hash of the ledger entry
    ledger_seq: int
    seconds: float
    metrics: Mapping[str, float]  # "stage.metric" -> value
    folder: Path | None  # runs/<name>/<run hash>, the files a user opens
    message: str = ""
    computed: int = 0
    cached: int = 0
    resume_command: str = ""
    stage_seconds: Mapping[str, float] = field(factory=dict)
    tree_head: str = ""  # a head of the ledger that holds the entry; signed when there is a key


Event = (
    RunStarted
    | StageStarted
    | StageProgress
    | EpochFinished
    | StageFinished
    | Message
    | RunFinished
)
Listener = Callable[[Event], None]
