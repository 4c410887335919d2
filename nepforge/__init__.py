"""nepforge: train NEP potentials from hashed recipes and keep a ledger of every run.

import nepforge

finished = nepforge.run("recipes/hfo2.toml")
atoms.calc = nepforge.Calculator(nepforge.open_run(finished.run_hash).model)
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nepforge.engine.run import run
    from nepforge.evaluate.calculator import Calculator
    from nepforge.evaluate.inference import infer
    from nepforge.formats.open_model import open_model
    from nepforge.recipe.load import load_recipe
    from nepforge.store.artifacts import open_run

__all__ = ["Calculator", "__version__", "infer", "load_recipe", "open_model", "open_run", "run"]

__version__ = "0.1.0"

_PLACES = {
    "Calculator": "nepforge.evaluate.calculator",
    "infer": "nepforge.evaluate.inference",
    "load_recipe": "nepforge.recipe.load",
    "open_model": "nepforge.formats.open_model",
    "open_run": "nepforge.store.artifacts",
    "run": "nepforge.engine.run",
}


def __getattr__(name: str) -> Any:
    """Import a public name when it is asked for: torch and ase take their time."""
    if name in _PLACES:
        return getattr(import_module(_PLACES[name]), name)
    raise AttributeError(f"module 'nepforge' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*(name for name in globals() if name.startswith("__")), *__all__})
