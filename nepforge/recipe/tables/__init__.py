"""The tables of a recipe: each key is defined once, on its field.

A key has a default only where a named upstream has that default, or where it cannot change
numbers. What must hold between keys is in `recipe.rules`.
"""

from nepforge.recipe.tables.data import Data, Labels, Select
from nepforge.recipe.tables.model import DPModelTable, Model, NEPModelTable, Zbl, ZblRange
from nepforge.recipe.tables.optimizer import (
    AdamOptimizer,
    LKFOptimizer,
    Optimizer,
    Prefactors,
    SNESOptimizer,
    Weights,
)
from nepforge.recipe.tables.recipe import Recipe, Tolerance
from nepforge.recipe.tables.runs import (
    Export,
    Md,
    MdBenchmark,
    Structure,
    StructureFromData,
    StructureFromFile,
)
from nepforge.recipe.tables.values import SYMBOLS

__all__ = [
    "SYMBOLS",
    "AdamOptimizer",
    "DPModelTable",
    "Data",
    "Export",
    "LKFOptimizer",
    "Labels",
    "Md",
    "MdBenchmark",
    "Model",
    "NEPModelTable",
    "Optimizer",
    "Prefactors",
    "Recipe",
    "SNESOptimizer",
    "Select",
    "Structure",
    "StructureFromData",
    "StructureFromFile",
    "Tolerance",
    "Weights",
    "Zbl",
    "ZblRange",
]
