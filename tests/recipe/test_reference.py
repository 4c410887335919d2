"""recipes/README.md and the JSON Schema say what the tables say."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path

import jsonschema
import pytest
from attrs import field, frozen

from nepforge.data.formats.table import OF_FILES
from nepforge.data.sources import STRUCTURE_FORMATS
from nepforge.files.content import SUFFIXES
from nepforge.recipe import reference
from nepforge.recipe.json_schema import recipe_schema
from nepforge.recipe.named_files import READERS
from nepforge.recipe.reference import HEADINGS, with_tables
from nepforge.recipe.starter import starter_recipe
from nepforge.recipe.tables import Recipe
from nepforge.recipe.tables.key import about, all_tables, key, keys_of
from nepforge.recipe.tables.values import UpToOne
from tests.recipe.conftest import RECIPE, changed

RECIPES = Path(__file__).parents[2] / "recipes"
REFERENCE = (RECIPES / "README.md").read_text(encoding="utf-8")
SCHEMA = recipe_schema()


def test_the_reference_is_made_of_the_tables() -> None:
    """Every table of the recipe, with its keys in order: `python tools/make_reference.py`."""
    assert with_tables(REFERENCE) == REFERENCE
    assert set(HEADINGS.values()) == set(all_tables(Recipe))


def test_a_new_key_needs_its_field_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its range, default, unit, text and source come from the field."""

    @frozen(kw_only=True)
    class Toy:
        width: UpToOne = field(default=0.5, metadata=key("of a toy", unit="Å", source="Toys 1.0"))

    monkeypatch.setattr(reference, "HEADINGS", {"`[toy]`": Toy})
    row = "| `width` | Å | a number above 0 and at most 1 | `0.5` | of a toy. Toys 1.0 |\n"
    head = "| key | unit | range | default | meaning, source |\n|---|---|---|---|---|\n"
    old = f"\n### `[toy]`\nA toy.\n\n{head}"
    assert with_tables(f"{old}| `old` |\n\nMore.\n") == f"{old}{row}\nMore.\n"


def test_the_schema_beside_the_recipes_is_made_of_the_tables() -> None:
    """`python tools/make_reference.py` writes it too."""
    assert json.loads((RECIPES / "recipe.schema.json").read_text(encoding="utf-8")) == SCHEMA


def test_a_lost_heading_is_named() -> None:
    """Instead of a table that is left as it is."""
    with pytest.raises(ValueError, match="\\[export\\]"):
        with_tables(REFERENCE.replace("### `[export]`", "### Export"))


@pytest.mark.parametrize("path", sorted(RECIPES.rglob("*.toml")), ids=lambda path: path.stem)
def test_every_recipe_is_valid_by_the_schema(path: Path) -> None:
    """With and without a matrix."""
    jsonschema.Draft7Validator.check_schema(SCHEMA)
    jsonschema.validate(tomllib.loads(path.read_text(encoding="utf-8")), SCHEMA)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("seed = 7", 'seed = "7"'),
        ("seed = 7", ""),
        ("epochs = 6", "epoch = 6"),
        ("neurons = 40", "neurons = 0"),
        ("cutoff = [6.0, 5.0]", "cutoff = [6.0]"),
        ('["Hf", "O"]', '["Hf", "Xx"]'),
        ("validation = 0.2", "validation = 1.5"),
        ('ensemble = "nve"', 'ensemble = "nvp"'),
    ],
)
def test_the_schema_refuses_what_check_refuses(old: str, new: str) -> None:
    """Types, limits, unknown and missing keys; rules between keys are those of `check` alone."""
    assert jsonschema.Draft7Validator(SCHEMA).is_valid(tomllib.loads(RECIPE))
    assert not jsonschema.Draft7Validator(SCHEMA).is_valid(tomllib.loads(changed((old, new))))


def test_the_starter_recipe_is_valid_by_the_schema() -> None:
    """Its optional keys too."""
    text = starter_recipe("toy")
    for recipe in (text, re.sub("^# (?=\\w+ = )", "", text, flags=re.MULTILINE)):
        jsonschema.validate(tomllib.loads(recipe), SCHEMA)


def test_every_file_name_says_how_the_file_is_read() -> None:
    """And no other key does."""
    for table in all_tables(Recipe):
        for name, attribute in keys_of(table).items():
            is_file = "FileName" in str(attribute.type)
            assert (about(attribute).file in READERS) == is_file, f"{table.__name__}.{name}"


def test_the_reference_names_every_format_with_its_file_names() -> None:
    """Row by row, in the order in which a name is compared; and every compression."""
    section = REFERENCE.split("\n## Data files\n")[1].split("\n## ")[0]
    rows = [line.split("|") for line in section.splitlines() if line.startswith("| `")]
    found = {row[1].strip(" `"): tuple(re.findall(r"`([^`]+)`", row[2])) for row in rows}
    assert list(found.items()) == [(known.name, known.names) for known in OF_FILES]
    for suffix in SUFFIXES:
        assert f"`{suffix}`" in section


def test_the_reference_names_every_structure_format() -> None:
    """Of the file of an MD run, and no other."""
    file_row = next(line for line in REFERENCE.splitlines() if line.startswith("| `file`"))
    assert set(re.findall(r"`(\.\w+)`", file_row)) == set(STRUCTURE_FORMATS)
