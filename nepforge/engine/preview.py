"""Preview a run: what it would do, why, and what its data stage would find."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path

from nepforge.engine.call import call_stage, read_metrics
from nepforge.engine.outlook import Explanation, explain, look_ahead
from nepforge.errors import UnfitDataError
from nepforge.events import Listener, PlannedStage
from nepforge.plan.kinds import KINDS, StageKind
from nepforge.plan.places import located
from nepforge.plan.stage import Plan
from nepforge.stages.context import StageContext
from nepforge.store.fetching import remote_of
from nepforge.store.last import read_last
from nepforge.store.workspace import open_workspace


def plan_run(
    workspace: Path,
    plan: Plan,
    *,
    store: Path | None = None,
    remote: str = "",
    kinds: Mapping[str, StageKind] = KINDS,
) -> tuple[PlannedStage, ...]:
    """What a run would do with every stage and why; changes nothing.

    Args:
        workspace: The folder from `find_workspace`.
        plan: The stages.
        store: A shared folder of results instead of the workspace's own.
        remote: Address of results that others published; asked, not fetched from.
        kinds: Stage kind -> its function, version and packages.

    Raises:
        NepforgeError: The address cannot be read.
    """
    space = open_workspace(workspace, store, remote)
    last = read_last(space.last(plan.name), space.ledger.entries(), plan.name)
    outlooks = look_ahead(space.cache, plan, kinds, last, remote_of(space))
    return tuple(outlook.planned for outlook in outlooks)


def explain_stage(
    workspace: Path,
    plan: Plan,
    stage: str,
    *,
    store: Path | None = None,
    remote: str = "",
    kinds: Mapping[str, StageKind] = KINDS,
) -> Explanation:
    """Why a run would compute a stage or not, and every part of its key; changes nothing.

    Raises:
        UsageError: The plan has no such stage.
        NepforgeError: The address `remote` cannot be read.
    """
    space = open_workspace(workspace, store, remote)
    last = read_last(space.last(plan.name), space.ledger.entries(), plan.name)
    return explain(space.cache, plan, kinds, last, stage, remote_of(space))


def check_data(
    plan: Plan, emit: Listener, *, kinds: Mapping[str, StageKind] = KINDS
) -> dict[str, float]:
    """Do what the data stage of a run does, in a temporary folder; its metrics.

    Raises:
        DataError: The data cannot be read, or have errors.
        UnfitDataError: They lack what the recipe needs; with the lines of the recipe.
    """
    stage = plan.stages[0]
    inputs = {name: source.path for name, source in stage.sources.items()}
    with tempfile.TemporaryDirectory(prefix="nepforge-check-") as folder:
        out, state, log = Path(folder) / "out", Path(folder) / "state", Path(folder) / "log"
        out.mkdir()
        ctx = StageContext(stage.name, out, state, plan.threads, emit, lambda: False)
        try:
            call_stage(kinds[stage.kind].function, stage, inputs, ctx, log)
        except UnfitDataError as error:
            raise located(error, plan) from error
        return read_metrics(stage.name, out)
