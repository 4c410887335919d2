"""Where things lie in a workspace: the ledger and runs in sight, the rest under .nepforge."""

from __future__ import annotations

import shutil
from pathlib import Path

from attrs import frozen

from nepforge.errors import NepforgeError
from nepforge.ledger.cache import Cache
from nepforge.ledger.durable import probe_writable
from nepforge.ledger.log import LEDGER_FILE, Ledger

HIDDEN = ".nepforge"


@frozen
class Workspace:
    """The folders of one workspace; `root` is absolute."""

    root: Path

    @property
    def hidden(self) -> Path:
        return self.root / HIDDEN

    @property
    def ledger(self) -> Ledger:
        return Ledger(self.root / "ledger" / LEDGER_FILE, self.hidden)

    @property
    def cache(self) -> Cache:
        return Cache(self.hidden / "cache", self.hidden / "quarantine")

    def lock(self, name: str) -> Path:
        return self.hidden / "locks" / f"{name}.lock"

    def state(self, key: str) -> Path:
        """What a stage keeps for resuming; removed when its result is published."""
        return self.hidden / "state" / key

    def ends(self, lineage: str) -> Path:
        """The last state of a finished build, for one that goes on from there."""
        return self.hidden / "ends" / lineage

    def scratch(self, key: str, process: int) -> Path:
        """Where a stage writes before its result is published."""
        return self.hidden / "scratch" / f"{key}-{process}"

    def last(self, recipe_name: str) -> Path:
        return self.hidden / "last" / f"{recipe_name}.json"

    def log(self, name: str) -> Path:
        return self.hidden / "logs" / f"{name}.log"

    def runs(self, recipe_name: str) -> Path:
        return self.root / "runs" / recipe_name

    def drop_scratch(self, key: str) -> None:
        """Remove what killed builds of a key left; only for the holder of its lock."""
        for folder in (self.hidden / "scratch").glob(f"{key}-*"):
            shutil.rmtree(folder)

    def prepare(self) -> None:
        """Make the hidden folders, and refuse now what would fail after hours of work.

        Raises:
            NepforgeError: The cache or the ledger cannot be written.
        """
        try:
            for name in ("cache", "locks", "state", "scratch", "ends", "last", "logs"):
                (self.hidden / name).mkdir(parents=True, exist_ok=True)
            ignore = self.hidden / ".gitignore"
            if not ignore.exists():
                ignore.write_text("*\n", encoding="utf-8")
            for name in ("cache", "scratch"):
                probe_writable(self.hidden / name)
        except OSError as error:
            raise NepforgeError(
                f"{self.hidden}: the cache cannot be written: {error.strerror or error}",
                hint="make the folder writable or free space; nothing was computed",
            ) from error
        self.ledger.check_writable()


def find_workspace(recipe_path: Path) -> Path:
    """The folder that holds ledger, runs and cache of a recipe.

    The nearest folder above the recipe with a ledger, a .nepforge or a .git; else its own folder.
    """
    folder = recipe_path.resolve().parent
    for candidate in (folder, *folder.parents):
        marks = (candidate / "ledger" / LEDGER_FILE, candidate / HIDDEN, candidate / ".git")
        if any(mark.exists() for mark in marks):
            return candidate
    return folder
