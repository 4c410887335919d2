"""Recipe -> stages: what each stage reads, and what a changed value reaches."""

from __future__ import annotations

from pathlib import Path

import pytest

from nepforge.formats.nep_txt import LAYOUTS
from nepforge.plan.build import LAYOUT_FILES, build, source_digest, stage_seed
from nepforge.plan.kinds import KINDS
from nepforge.plan.stage import Plan, Stage, stage_key
from nepforge.recipe.load import load_recipe

RECIPE = Path(__file__).parents[2] / "recipes" / "hfo2.toml"


def plan_of(*overrides: str) -> Plan:
    return build(load_recipe(RECIPE, overrides))


def stages_of(*overrides: str) -> dict[str, Stage]:
    return {stage.name: stage for stage in plan_of(*overrides).stages}


def key(stage: Stage) -> str:
    """The key with unchanged inputs."""
    return stage_key(stage, dict.fromkeys(stage.inputs, "0" * 64), {})


def test_the_stages_come_in_an_order_that_satisfies_their_inputs() -> None:
    """Every input and every stage to wait for is further up."""
    done: set[str] = set()
    for stage in plan_of().stages:
        assert {source.stage for source in stage.inputs.values()} | set(stage.after) <= done
        assert KINDS[stage.kind].version == stage.version
        done.add(stage.name)
    assert done == {
        "data", "train", "evaluate", "export", "verify", "md:nvt-300K", "md:npt-300K",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("override", "reached"),
    [
        ("optimizer.epochs=3", {"train"}),
        ("model.neurons=12", {"train"}),
        ("data.validation=0.1", {"data"}),
        ('data.species=["O", "Hf"]', {"data", "train", "md:nvt-300K", "md:npt-300K"}),
        ('export.layouts=["lammps"]', {"export", "verify"}),
        ("md[1].steps=10", {"md:npt-300K"}),
        ("threads=3", {"train", "evaluate"}),
        ("seed=7", {"data", "train", "md:nvt-300K", "md:npt-300K"}),
        ("tolerances.valid_force_rmse.relative=0.1", set()),
        ('description="other"', set()),
    ],
)
def test_a_changed_value_reaches_only_the_stages_that_read_it(
    override: str, reached: set[str]
) -> None:
    """Everything further down follows by the digests of what those stages write."""
    before, after = stages_of(), stages_of(override)
    assert {name for name in before if key(before[name]) != key(after[name])} == reached


def test_a_renamed_md_run_leaves_the_others_alone() -> None:
    """Seeds and tables of a stage do not depend on its neighbours."""
    other = stages_of('md[0].name="renamed"')
    assert key(other["md:npt-300K"]) == key(stages_of()["md:npt-300K"])


def test_each_stage_has_its_own_seed() -> None:
    """Fixed for a recipe seed and a name; exact in a JSON number."""
    seeds = {stage_seed(7, name) for name in ("data", "train", "md:a", "md:b")}
    assert len(seeds) == 4
    assert all(0 <= seed < 2**53 for seed in seeds)
    assert stage_seed(7, "data") == 1301962392780419  # if it moves, every random number moves


def test_the_data_stage_names_its_sources_and_no_path() -> None:
    """Names, formats and parts in the table; paths and digests in the sources."""
    data = stages_of()["data"]
    assert data.json["data"]["files"] == {
        "train": [{"name": "train.0", "format": "extxyz", "part": ""}],
        "validation": [],
    }
    assert (data.json["data"]["validation"], data.json["data"]["group_by"]) == (0.2, "phase")
    source = data.sources["train.0"]
    assert source_digest(source) == source.sha256


def test_validation_files_replace_the_fraction(tmp_path: Path) -> None:
    """The fraction is null then, and each file is a source."""
    for name in ("a.xyz", "b.xyz"):
        (tmp_path / name).write_text(name)
    text = RECIPE.read_text().replace('["data/hfo2_gpaw.xyz"]', '["a.xyz"]')
    recipe = tmp_path / "r.toml"
    recipe.write_text(text.replace("validation = 0.2", 'validation = ["b.xyz"]'))
    data = build(load_recipe(recipe)).stages[0]
    assert data.json["data"]["validation"] is None
    assert data.json["data"]["files"]["validation"][0]["name"] == "validation.0"
    assert set(data.sources) == {"train.0", "validation.0"}


def test_md_runs_the_verified_export() -> None:
    """It reads the layout with one bias per element and waits for the check of the files."""
    md = stages_of()["md:nvt-300K"]
    assert md.inputs["model"].file == "nep_to_lmps.txt"
    assert md.after == ("verify",)
    other = stages_of('export.layouts=["nep4", "nep5"]')["md:nvt-300K"]
    assert other.inputs["model"].file == "nep5.txt"


def test_md_of_a_structure_file_reads_a_source_instead_of_frames(tmp_path: Path) -> None:
    """The table holds the name of the source and its format, not the user's path."""
    (tmp_path / "cell.cif").write_text("cif")
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "hfo2_gpaw.xyz").write_text("frames")
    text = RECIPE.read_text().replace('from = "data", index = 0', 'file = "cell.cif"')
    recipe = tmp_path / "r.toml"
    recipe.write_text(text)
    md = build(load_recipe(recipe)).stages[-1]
    assert "frames" not in md.inputs
    assert md.sources["structure"].path == tmp_path / "cell.cif"
    assert md.json["md"]["structure"] == {
        "file": "structure",
        "format": "cif",
        "replicate": [2, 2, 2],
    }


def test_the_settings_and_sources_of_a_stage_know_their_place_in_the_recipe() -> None:
    """So that a changed value can be shown with its line."""
    plan = plan_of()
    for stage in plan.stages:
        assert set(stage.paths) == {*stage.json, *stage.sources}
        assert set(stage.paths.values()) <= set(plan.positions)


def test_the_plan_names_the_files_that_the_export_writes() -> None:
    """The stage has its own table, because plan does not import the compute rooms."""
    assert {name: file for name, (file, _) in LAYOUTS.items()} == LAYOUT_FILES
