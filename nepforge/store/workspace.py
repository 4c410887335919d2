"""Where things lie in a workspace: the ledger and runs in sight, the rest under .nepforge."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

from attrs import Factory, field, frozen

from nepforge.errors import NepforgeError
from nepforge.ledger.log import LEDGER_FILE, Ledger
from nepforge.shared_disk.durable import make_folder, probe_writable
from nepforge.store.cache import Cache

HIDDEN = ".nepforge"
USERS = "users"  # in a shared store: one file for each workspace, with its path


@frozen
class Workspace:
    """The folders of one workspace; `root` is absolute.

    `store` holds the results, and is shared when it is not the hidden folder; `remote` is the
    address of results that others published, see remote.py.
    """

    root: Path
    store: Path = field(default=Factory(lambda self: self.root / HIDDEN, takes_self=True))
    remote: str = ""

    @property
    def hidden(self) -> Path:
        return self.root / HIDDEN

    @property
    def ledger(self) -> Ledger:
        return Ledger(self.root / "ledger" / LEDGER_FILE, self.hidden)

    @property
    def cache(self) -> Cache:
        return Cache(self.store / "cache", self.store / "quarantine")

    @property
    def is_shared(self) -> bool:
        """Whether other workspaces may use the same results."""
        return self.store != self.hidden

    def lock(self, name: str) -> Path:
        """The lock of a key, shared by all who use the store."""
        return self.store / "locks" / f"{name}.lock"

    def state(self, key: str, lineage: str = "") -> Path:
        """What a stage keeps for resuming; removed when its result is published.

        Its name tells the lineage too, of a stage that has one: see plan.stage.lineage_of.
        """
        return self.hidden / "state" / (f"{key}-{lineage}" if lineage else key)

    def end(self, state: Path) -> Path:
        """Where the last state of a finished build is kept, for one that goes on from there."""
        return self.hidden / "ends" / state.name

    def relatives(self, state: Path) -> list[Path]:
        """States of unfinished and ends of finished builds of the same lineage, newest first."""
        _, _, lineage = state.name.partition("-")
        if not lineage:
            return []
        folders = [
            folder
            for name in ("state", "ends")
            for folder in (self.hidden / name).glob(f"*-{lineage}")
            if folder != state
        ]
        return sorted(folders, key=modified, reverse=True)

    def scratch(self, key: str, process: int) -> Path:
        """Where a stage writes before its result is published."""
        return self.store / "scratch" / f"{key}-{process}"

    def last(self, recipe_name: str) -> Path:
        return self.hidden / "last" / f"{recipe_name}.json"

    def log(self, name: str) -> Path:
        return self.hidden / "logs" / f"{name}.log"

    def runs(self, recipe_name: str) -> Path:
        return self.root / "runs" / recipe_name

    def drop_scratch(self, key: str) -> None:
        """Remove what killed builds of a key left; only for the holder of its lock."""
        for folder in (self.store / "scratch").glob(f"{key}-*"):
            shutil.rmtree(folder, ignore_errors=self.is_shared)  # may be another user's

    def prepare(self) -> None:
        """Make the hidden folders, and refuse now what would fail after hours of work.

        Raises:
            NepforgeError: The cache or the ledger cannot be written.
        """
        try:
            for name in ("locks", "state", "ends", "last", "logs"):
                (self.hidden / name).mkdir(parents=True, exist_ok=True)
            for name in ("cache", "locks", "scratch"):
                make_folder(self.store / name)
            if self.is_shared:
                register(self.store, self.root)
            ignore = self.hidden / ".gitignore"
            if not ignore.exists():
                ignore.write_text("*\n", encoding="utf-8")
            for name in ("cache", "scratch"):
                probe_writable(self.store / name)
        except OSError as error:
            raise NepforgeError(
                f"{self.store}: the cache cannot be written: {error.strerror or error}",
                hint="make the folder writable or free space; nothing was computed",
            ) from error
        self.ledger.check_writable()


def modified(folder: Path) -> float:
    """When a folder last changed, in s; 0 if another process removed it."""
    try:
        return folder.stat().st_mtime
    except OSError:
        return 0.0


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


def open_workspace(root: Path, store: Path | None = None, remote: str = "") -> Workspace:
    """The workspace in a folder, with a shared folder of results when one is given."""
    root = root.resolve()
    return Workspace(root, store.resolve() if store else root / HIDDEN, remote)


def register(store: Path, root: Path) -> None:
    """Register in a shared store, so that its garbage collection asks our ledger too."""
    users = store / USERS
    make_folder(users)
    name = users / hashlib.sha256(str(root).encode()).hexdigest()[:16]
    if not name.exists():
        name.write_text(f"{root}\n", encoding="utf-8")


def users_of(store: Path) -> list[Path]:
    """The workspaces that use a shared store."""
    return sorted(
        Path(path.read_text(encoding="utf-8").strip()) for path in (store / USERS).glob("*")
    )
