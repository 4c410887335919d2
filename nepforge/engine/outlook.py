"""What a run will find: which stages have a result in the cache, and why the others must run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from attrs import frozen

from nepforge.errors import StageError, UsageError
from nepforge.events import PlannedStage
from nepforge.plan.kinds import StageKind
from nepforge.plan.reasons import changes
from nepforge.plan.stage import Input, Plan, Stage, key_content, key_of
from nepforge.store.cache import Cache, Damage, Published
from nepforge.store.last import LastResult
from nepforge.store.software import numerics

if TYPE_CHECKING:
    from nepforge.store.remote import Remote

_SHOWN_REASONS = 3


@frozen
class Outlook:
    """What is known of a stage before it runs."""

    planned: PlannedStage
    published: Published | None  # in the cache, or in the remote store that was asked


@frozen
class Explanation:
    """Why a stage will run or not, in full."""

    planned: PlannedStage
    content: Mapping[str, Any]  # what its key is made of; inputs that are known
    last: LastResult | None
    reasons: tuple[str, ...]


def explain(
    cache: Cache,
    plan: Plan,
    kinds: Mapping[str, StageKind],
    last: Mapping[str, LastResult],
    stage_name: str,
    remote: Remote | None = None,
) -> Explanation:
    """Everything that decides whether a stage runs.

    Raises:
        UsageError: The plan has no such stage.
    """
    stage = next((stage for stage in plan.stages if stage.name == stage_name), None)
    if stage is None:
        names = ", ".join(stage.name for stage in plan.stages)
        raise UsageError(f"no stage {stage_name!r} in {plan.name}", hint=f"stages: {names}")
    outlooks = look_ahead(cache, plan, kinds, last, remote)
    done = {found.planned.name: found.published for found in outlooks if found.published}
    (planned,) = (found.planned for found in outlooks if found.planned.name == stage_name)
    content = stage_content(stage, done, kinds, plan.threads)
    before = last.get(stage_name)
    reasons = [planned.reason]
    if before is not None and not (planned.cached or planned.remote):
        pending = [source for source in stage.inputs.values() if source.stage not in done]
        reasons = _reasons(stage, plan, content, before, pending) or reasons
    return Explanation(planned, content, before, tuple(reasons))


def look_ahead(
    cache: Cache,
    plan: Plan,
    kinds: Mapping[str, StageKind],
    last: Mapping[str, LastResult],
    remote: Remote | None = None,
) -> tuple[Outlook, ...]:
    """The outlook of every stage of a plan, in its order; changes nothing.

    Args:
        cache: Where results are looked for; those found are checked byte by byte.
        plan: The stages.
        kinds: Stage kind -> its version and packages.
        last: Stage name -> its last result, to tell what changed.
        remote: Where results are looked for next, by their manifests alone.

    Raises:
        NepforgeError: The remote store cannot be read.
    """
    done: dict[str, Published] = {}
    outlooks = []
    for stage in plan.stages:
        content = stage_content(stage, done, kinds, plan.threads)
        pending = [source for source in stage.inputs.values() if source.stage not in done]
        key = None if pending else key_of(content)
        found = None if key is None else cache.inspect(key)
        known = found if isinstance(found, Published) else _elsewhere(remote, cache, key)
        if known is None:
            damage = found if isinstance(found, Damage) else None
            reason = why(stage, plan, content, last.get(stage.name), damage, pending)
            planned = PlannedStage(stage.name, stage.kind, key, False, reason)
        else:
            done[stage.name] = known
            is_here = known is found
            reason = "cached" if is_here else "a remote store has it"
            planned = PlannedStage(stage.name, stage.kind, key, is_here, reason, not is_here)
        outlooks.append(Outlook(planned, known))
    return tuple(outlooks)


def _elsewhere(remote: Remote | None, cache: Cache, key: str | None) -> Published | None:
    """A result in the remote store, with its future folder in the cache."""
    if remote is None or key is None:
        return None
    return remote.describe(key, cache.path(key))


def stage_content(
    stage: Stage, done: Mapping[str, Published], kinds: Mapping[str, StageKind], threads: int
) -> dict[str, Any]:
    """What the key of a stage is made of, with the digests of those inputs that are done.

    Raises:
        StageError: A stage that is done did not write a file that this one reads.
    """
    digests = {
        name: _digest(done[source.stage], source, stage)
        for name, source in stage.inputs.items()
        if source.stage in done
    }
    return key_content(stage, digests, numerics(kinds[stage.kind].packages, threads))


def why(
    stage: Stage,
    plan: Plan,
    content: Mapping[str, Any],
    last: LastResult | None,
    damage: Damage | None = None,
    pending: Sequence[Input] = (),
) -> str:
    """Why a stage must run, in one line.

    Args:
        stage: The stage.
        plan: Its plan, for the lines of the recipe.
        content: What its key is made of now.
        last: Its last result under this recipe name.
        damage: What is wrong with the result in the cache.
        pending: Inputs whose stage must run before.
    """
    if damage is not None:
        return f"the cached result is damaged ({damage.reason})"
    if last is None:
        return "no earlier result"
    reasons = _reasons(stage, plan, content, last, pending)
    if not reasons:
        return "its result is no longer in the cache"
    more = len(reasons) - _SHOWN_REASONS
    shown = "; ".join(reasons[:_SHOWN_REASONS])
    return f"{shown}; and {more} more" if more > 0 else shown


def _reasons(
    stage: Stage,
    plan: Plan,
    content: Mapping[str, Any],
    last: LastResult,
    pending: Sequence[Input],
) -> list[str]:
    reasons = [*changes(last.content, content, stage, plan), *_waits(pending)]
    return list(dict.fromkeys(reasons))  # threads are in a table and in the numerics


def _waits(pending: Sequence[Input]) -> Iterator[str]:
    """One text for each stage that must run before."""
    for upstream in dict.fromkeys(source.stage for source in pending):
        files = [f"{upstream}/{source.file}" for source in pending if source.stage == upstream]
        noun = "input" if len(files) == 1 else "inputs"
        yield f"{noun} {', '.join(files)} may change ({upstream} runs)"


def _digest(published: Published, source: Input, reader: Stage) -> str:
    if source.file not in published.files:
        written = ", ".join(published.files) or "nothing"
        raise StageError(
            f"stage {reader.name} reads {source.file} of stage {source.stage}, "
            f"which wrote {written}"
        )
    return published.files[source.file].sha256
