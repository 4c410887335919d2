"""nepforge: train NEP potentials from hashed recipes and keep a ledger of every run."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nepforge.evaluate.calculator import Calculator

__all__ = ["Calculator", "__version__"]

__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    """`nepforge.Calculator`, imported when it is asked for: ase takes its time."""
    if name == "Calculator":
        return import_module("nepforge.evaluate.calculator").Calculator
    raise AttributeError(f"module 'nepforge' has no attribute {name!r}")
