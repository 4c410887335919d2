"""What a stage keeps for resuming, and where finished trainings ended."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from nepforge.store.workspace import Workspace, modified

KEPT_ENDS = 4  # of finished trainings; the covariance of a filter makes each about 100 MB


def begin_state(space: Workspace, state: Path) -> None:
    """Make the state folder; a new one starts with the files of its newest relative.

    A relative may belong to a build under way: a stage replaces its checkpoint in one step.
    """
    relatives = space.relatives(state)
    if not state.exists() and relatives:
        draft = state.with_name(f".{state.name}.{os.getpid()}")
        shutil.rmtree(draft, ignore_errors=True)
        try:
            shutil.copytree(relatives[0], draft)
            draft.rename(state)
        except OSError:  # replaced while it was copied: the build starts from scratch
            shutil.rmtree(draft, ignore_errors=True)
    state.mkdir(exist_ok=True)


def keep_end(space: Workspace, state: Path) -> None:
    """Keep the state of a finished build, and those of a few other lineages: they are large."""
    end = space.end(state)
    older = [folder for folder in space.relatives(state) if folder.parent == end.parent]
    for folder in older:
        shutil.rmtree(folder, ignore_errors=True)
    try:
        state.rename(end)
    except OSError:
        return  # another process keeps its own end at this moment
    kept = sorted(end.parent.iterdir(), key=modified)
    for folder in kept[:-KEPT_ENDS]:
        shutil.rmtree(folder, ignore_errors=True)
