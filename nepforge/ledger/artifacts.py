"""The files of a recorded run, wherever they still lie, checked against the record."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from attrs import frozen

from nepforge.ledger.cache import file_record
from nepforge.ledger.entry import Entry
from nepforge.ledger.run_folder import SHOWN_DIGITS
from nepforge.ledger.workspace import Workspace


@frozen
class Artifacts:
    """The outputs of one run. `folders` hold them grouped by stage, as a run folder does."""

    entry: Entry
    folders: tuple[Path, ...]
    space: Workspace | None = None

    @property
    def stages(self) -> dict[str, Mapping[str, Any]]:
        """Stage name -> its part of the entry."""
        return {stage["name"]: stage for stage in self.entry.body["stages"]}

    def find(self, stage: str, name: str) -> Path | None:
        """An output with the recorded bytes; None when there is no such copy any more."""
        recorded = self.stages.get(stage, {}).get("outputs", {}).get(name)
        if recorded is None:
            return None
        for path in self._candidates(stage, name):
            if path.is_file() and file_record(path).sha256 == recorded["sha256"]:
                return path
        return None

    def _candidates(self, stage: str, name: str) -> Iterator[Path]:
        if self.space is not None:
            yield self.space.cache.path(self.stages[stage]["key"]) / name
        for folder in self.folders:
            yield folder.joinpath(*stage_folder(stage), name)


def stage_folder(stage: str) -> list[str]:
    """ "md:npt-300K" -> md/npt-300K, where a run folder keeps the files of a stage."""
    return stage.split(":")


def artifacts_of(space: Workspace, entry: Entry) -> Artifacts:
    """The outputs of a run of this workspace, in its cache and its run folder."""
    folder = space.runs(entry.body["name"]) / entry.hash[:SHOWN_DIGITS]
    return Artifacts(entry, (folder,), space)


def copy_artifacts(artifacts: Artifacts, target: Path) -> list[str]:
    """Copy every output into `target`, grouped by stage; the names of those that are gone."""
    missing = []
    for stage, recorded in artifacts.stages.items():
        for name in recorded["outputs"]:
            found = artifacts.find(stage, name)
            if found is None:
                missing.append(f"{stage}/{name}")
                continue
            copy = target.joinpath(*stage_folder(stage), name)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(found, copy)
    return missing
