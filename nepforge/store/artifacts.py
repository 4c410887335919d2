"""The files of a recorded run, wherever they still lie, checked against the record.

They are looked for in the caches of some workspaces (shared ones too), then in run folders, then
in the remote store.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from attrs import evolve, frozen

from nepforge.errors import DataMissingError, UsageError
from nepforge.ledger.entry import Entry
from nepforge.store.cache import file_record
from nepforge.store.fetching import fetch_when_missing
from nepforge.store.run_folder import SHOWN_DIGITS
from nepforge.store.workspace import Workspace, find_workspace, open_workspace

SUMMARY = "summary.json"  # in a run folder
MODEL_FILE = "_model.ckpt"  # after the kind of the model


@frozen
class Artifacts:
    """The outputs of one run. `folders` hold them grouped by stage, as a run folder does."""

    entry: Entry
    folders: tuple[Path, ...]
    spaces: tuple[Workspace, ...] = ()

    @property
    def stages(self) -> dict[str, Mapping[str, Any]]:
        """Stage name -> its part of the entry."""
        return {stage["name"]: stage for stage in self.entry.body["stages"]}

    @property
    def metrics(self) -> dict[str, float]:
        """ "stage.metric" -> value; units are in the entry."""
        return {name: metric["value"] for name, metric in self.entry.body["metrics"].items()}

    @property
    def model_name(self) -> str:
        """File name of the trained model; "" for a run without one."""
        outputs = self.stages.get("train", {}).get("outputs", {})
        return next((name for name in outputs if name.endswith(MODEL_FILE)), "")

    @property
    def model(self) -> Path:
        """The trained model.

        Raises:
            DataMissingError: The run trained none, or no copy is left.
        """
        found = self.find("train", self.model_name)
        if found is not None:
            return found
        run = self.entry.hash[:SHOWN_DIGITS]
        raise DataMissingError(f"run {run}: no model is left", hint=f"nepforge reproduce {run}")

    def find(self, stage: str, name: str) -> Path | None:
        """An output with the recorded bytes; None when no such copy is left.

        Raises:
            NepforgeError: A remote store has to be asked and cannot be read.
        """
        recorded = self.stages.get(stage, {}).get("outputs", {}).get(name)
        if recorded is None:
            return None
        for path in self._candidates(stage, name):
            if path.is_file() and file_record(path).sha256 == recorded["sha256"]:
                return path
        return None

    def with_fetched(self, name: str) -> Artifacts:
        """The same without remote stores, after outputs of this name were fetched from them.

        Raises:
            NepforgeError: A remote store cannot be read.
        """
        for stage in self.stages:
            self.find(stage, name)
        return evolve(self, spaces=tuple(evolve(space, remote="") for space in self.spaces))

    def _candidates(self, stage: str, name: str) -> Iterator[Path]:
        key = self.stages[stage]["key"]
        for space in self.spaces:
            yield space.cache.path(key) / name
        for folder in self.folders:
            yield folder.joinpath(*stage_folder(stage), name)
        for space in self.spaces:
            fetched = fetch_when_missing(space, key)
            if fetched is not None:
                yield fetched.folder / name


def stage_folder(stage: str) -> list[str]:
    """ "md:npt-300K" -> md/npt-300K, where a run folder keeps the files of a stage."""
    return stage.split(":")


def artifacts_of(entry: Entry, *spaces: Workspace) -> Artifacts:
    """The outputs of a run, as far as these workspaces have them or can fetch them.

    A workspace with a shared cache is searched in its own cache too.
    """
    own = (Workspace(space.root) for space in spaces)
    searched = tuple(dict.fromkeys((*spaces, *own)))
    name, folder = entry.body["name"], entry.hash[:SHOWN_DIGITS]
    folders = dict.fromkeys(space.runs(name) / folder for space in searched)
    return Artifacts(entry, tuple(folders), searched)


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


def run_named(space: Workspace, text: str) -> Artifacts:
    """A run by the beginning of its hash, or by its run folder.

    Raises:
        UsageError: There is no such run.
    """
    folder = Path(text)
    if (folder / SUMMARY).is_file():
        summary = json.loads((folder / SUMMARY).read_text(encoding="utf-8"))
        text = summary["run_hash"]
        root = folder.resolve().parents[2]  # <workspace>/runs/<name>/<run hash>
        if Workspace(root).ledger.path.exists():
            space = open_workspace(root, space.store if space.is_shared else None, space.remote)
    entry = space.ledger.find(text)
    if entry.type != "run":
        raise UsageError(f"entry {entry.seq} is a {entry.type}, expected a run")
    return artifacts_of(entry, space)


def open_run(name: Path | str, workspace: Path | str | None = None) -> Artifacts:
    """A recorded run: its ledger entry, metrics and files.

    Args:
        name: The beginning of its hash, its number in the ledger, or its run folder.
        workspace: Folder of the ledger; found from the current folder when not given.

    Raises:
        UsageError: There is no such run.
    """
    root = find_workspace(Path.cwd() / "recipe.toml") if workspace is None else Path(workspace)
    return run_named(open_workspace(root), str(name))
