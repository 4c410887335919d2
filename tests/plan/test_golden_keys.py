"""The keys of stages do not move: one that moves builds again what is in every cache.

golden_keys.json was made by these functions with the code of commit 11cab13.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from nepforge.plan.build import build
from nepforge.plan.stage import Plan, stage_key
from nepforge.recipe.load import load_recipe, load_recipes

GOLDEN = Path(__file__).parent / "golden_keys.json"
RECIPES = Path(__file__).parents[2] / "recipes"
PUBLISHED = sorted(str(path.relative_to(RECIPES)) for path in RECIPES.rglob("*.toml"))
TOY = """
schema = 1
name = "toy"
seed = 7
threads = 1
data = { species = ["Hf", "O"], train = ["frames.xyz"], validation = 0.2 }
MODEL
OPTIMIZER
"""
NEP = """model = { kind = "nep", cutoff = [6, 5.0], n_max = [4, 4], basis_size = [8, 8], \
l_max = 4, invariants = ["222"], neurons = 40 }"""
DP = """model = { kind = "dp" }"""
LKF = """optimizer = { kind = "lkf", epochs = 6, batch_size = 8, force_groups = 2, \
p0_weight = 1, weights = { energy = 30, force = 1.0, virial = 1.0 } }"""
ADAM = """optimizer = { kind = "adam", epochs = 6, batch_size = 8, \
weights = { energy = 30, force = 1.0, virial = 1.0 } }"""
SNES = """optimizer = { kind = "snes", epochs = 6, batch_size = 8, \
weights = { energy = 30, force = 1.0, virial = 1.0 } }"""
EXPORT = 'export.layouts=["nep4", "nep5", "lammps"]'
MD = (
    'md=[{name="a", structure={from="data", index=0, replicate=[2, 2, 2]}, ensemble="nvt", '
    "temperature=300, timestep=1, steps=100, ranks=1}]"
)
BENCHMARK = (
    'md_benchmark={structure={from="data", index=0, replicate=[1, 1, 1]}, atoms=[96, 768], '
    "atom_steps=2000, temperature=300, pressure=0, timestep=2, ranks=[1, 2], threads=[1], "
    'precision=["double", "mixed"]}'
)
LABELS = (
    'data.labels={energy="e", forces="f", virial="v", atomic_energy="ae", energy_unit="hartree", '
    'force_unit="hartree/bohr", virial_unit="Ry", force_sign="gradient", '
    'virial_sign="tension-positive"}'
)
# name -> model, optimizer, texts of --set
VARIANTS: dict[str, tuple[str, str, list[str]]] = {
    "lkf": (NEP, LKF, []),
    "adam": (NEP, ADAM, []),
    "adamw": (NEP, ADAM, ['optimizer.kind="adamw"', "optimizer.weight_decay=0.01"]),
    "prefactors": (NEP, ADAM, ["optimizer.prefactors={force=[10, 1], atomic_energy=[1, 0]}"]),
    "snes": (NEP, SNES, ["optimizer.population=8"]),
    "endings": (NEP, LKF, ["optimizer.patience=3", "optimizer.max_minutes=5"]),
    "force weights": (NEP, LKF, ["optimizer.force_weights={O=2}"]),
    "no forces": (NEP, LKF, ["optimizer.weights.force=0"]),
    "atomic energy": (NEP, LKF, ["optimizer.weights.atomic_energy=2"]),
    "tail average": (NEP, LKF, ["optimizer.tail_average=0.5", "optimizer.block_size=100"]),
    "cutoffs by species": (NEP, LKF, ["model.cutoff=[[6, 5], [5, 4.5]]"]),
    "zbl number": (NEP, LKF, ["model.zbl=2"]),
    "zbl inner": (NEP, LKF, ["model.zbl={outer=2, inner=0.5}"]),
    "zbl factor": (NEP, LKF, ["model.zbl={outer=2, factor=0.65}"]),
    "zbl rows": (NEP, LKF, [f"model.zbl={[[0, 2, *[0.5, 1.0] * 4]] * 3}"]),
    "start_from": (NEP, LKF, ['model.start_from="nep.txt"']),
    "dp": (DP, ADAM, []),
    "dp by lkf": (DP, LKF, ["model.type_embedding=4", "model.embedding=[8, 16]"]),
    "group_by": (NEP, LKF, ['data.group_by="phase"']),
    "two files": (NEP, LKF, ['data.train=["frames.xyz", "more.xyz"]']),
    "validation file": (NEP, LKF, ['data.validation=["more.xyz"]']),
    "baseline": (NEP, LKF, ["data.energy_baseline={O=-5, Hf=-10.5}"]),
    "select": (NEP, LKF, ['data.select={slice="2:", energy=":-8", every=2, farthest=10}']),
    "select info": (NEP, LKF, ['data.select={info={config_type=["bulk", "1:2"], t="3"}}']),
    "select species": (NEP, LKF, ['data.select={elements=["Hf"], formula=["HfO2"], random=3}']),
    "labels": (NEP, LKF, [LABELS]),
    "stress": (NEP, LKF, ['data.labels={stress="s", stress_unit="GPa"}']),
    "unconverged": (NEP, LKF, ['data.unconverged="keep"']),
    "converged": (NEP, LKF, ['data.unconverged="leave-out"']),
    "export": (NEP, LKF, [EXPORT]),
    "md": (NEP, LKF, [EXPORT, MD]),
    "md npt": (NEP, LKF, [EXPORT, MD, 'md[0].ensemble="npt"', "md[0].pressure=1"]),
    "md threads": (NEP, LKF, [EXPORT, MD, "md[0].threads=2", "md[0].timeout_minutes=1"]),
    "md file": (NEP, LKF, [EXPORT, MD, 'md[0].structure={file="cell.cif", replicate=[1, 1, 1]}']),
    "md nep5": (NEP, LKF, ['export.layouts=["nep5"]', MD, 'md[0].precision="mixed"']),
    "md_benchmark": (NEP, LKF, [EXPORT, BENCHMARK]),
    "md_benchmark file": (
        *(NEP, LKF),
        [EXPORT, BENCHMARK, 'md_benchmark.structure={file="cell.cif", replicate=[1, 1, 1]}',
         'md_benchmark.deepmd_model="dp.pth"', "md_benchmark.cores=2"],
    ),
    "all": (NEP, LKF, [EXPORT, MD, BENCHMARK, "seed=11", "threads=4"]),
}  # fmt: skip


def published_keys(recipe: str) -> dict[str, dict[str, str]]:
    """Run of the matrix -> stage -> key, of a recipe of ours."""
    loaded = load_recipes(RECIPES / recipe)
    return {one.recipe.name: keys(build(one)) for one in loaded}


def variant_keys(name: str, folder: Path) -> dict[str, str]:
    """Stage -> key of a variant of the toy recipe."""
    model, optimizer, overrides = VARIANTS[name]
    for file in ("frames.xyz", "more.xyz", "cell.cif", "nep.txt", "dp.pth"):
        (folder / file).write_text(file)
    recipe = folder / "recipe.toml"
    recipe.write_text(TOY.replace("MODEL", model).replace("OPTIMIZER", optimizer))
    return keys(build(load_recipe(recipe, overrides)))


def keys(plan: Plan) -> dict[str, str]:
    """With fixed digests of the inputs and fixed numerics."""
    return {
        stage.name: stage_key(
            stage,
            {name: f"{source.stage}/{source.file}" for name, source in stage.inputs.items()},
            {"threads": plan.threads},
        )
        for stage in plan.stages
    }


EXPECTED = json.loads(GOLDEN.read_text(encoding="utf-8"))


@pytest.mark.parametrize("recipe", PUBLISHED)
def test_keys_of_published_recipes_have_not_moved(recipe: str) -> None:
    """Every run of a matrix, every stage."""
    assert published_keys(recipe) == EXPECTED["published"][recipe]


@pytest.mark.parametrize("name", VARIANTS)
def test_keys_of_every_form_of_recipe_have_not_moved(name: str, tmp_path: Path) -> None:
    """Each optional key, given and left out."""
    assert variant_keys(name, tmp_path) == EXPECTED["variants"][name]
