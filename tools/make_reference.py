#!/usr/bin/env python
"""Write what is made of the tables of a recipe: the reference of every key, and the JSON Schema.

    python tools/make_reference.py

A test compares both with the tables.
"""

from __future__ import annotations

import json
from pathlib import Path

from nepforge.recipe.json_schema import recipe_schema
from nepforge.recipe.reference import with_tables

RECIPES = Path(__file__).resolve().parents[1] / "recipes"


def main() -> None:
    """Both files, in place."""
    reference = RECIPES / "README.md"
    reference.write_text(with_tables(reference.read_text(encoding="utf-8")), encoding="utf-8")
    schema = json.dumps(recipe_schema(), indent=2, ensure_ascii=False)
    (RECIPES / "recipe.schema.json").write_text(f"{schema}\n", encoding="utf-8")


if __name__ == "__main__":
    main()
