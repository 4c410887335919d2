"""Run a recipe from Python, as `nepforge run` does on the command line."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from nepforge.engine import walk
from nepforge.events import Listener, RunFinished
from nepforge.interrupt import StopFlag
from nepforge.plan.build import build
from nepforge.recipe.load import LoadedRecipe, load_recipe
from nepforge.store.workspace import find_workspace


def run(
    recipe: LoadedRecipe | Path | str,
    *,
    workspace: Path | str | None = None,
    listeners: Sequence[Listener] = (),
    store: Path | None = None,
    remote: str = "",
) -> RunFinished:
    """Compute what is not cached and record the run in the ledger.

    Ctrl-C finishes the step in progress and stops; the same call goes on from there.

    Args:
        recipe: A recipe file without [matrix], or what `load_recipe` returned.
        workspace: Folder of ledger, runs and cache; found from the recipe when not given.
        listeners: Called with every event of the run; see `nepforge.events`.
        store: A shared folder of results instead of the workspace's own.
        remote: Address of results that others published; read only.

    Raises:
        RecipeError: The recipe has problems; all of them.
        StageError: A stage failed.
        InterruptedRunError: Stopped by Ctrl-C or SIGTERM.
        NepforgeError: Any other error, see `nepforge.errors`.
    """
    loaded = recipe if isinstance(recipe, LoadedRecipe) else load_recipe(Path(recipe))
    root = find_workspace(loaded.path) if workspace is None else Path(workspace).resolve()
    stop = StopFlag()
    with stop.listening():
        return walk.run(
            root,
            build(loaded),
            listeners,
            command=f"nepforge run {loaded.path}",
            stop=stop,
            store=store,
            remote=remote,
        )
