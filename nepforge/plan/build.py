"""Recipe -> the stages of its run, in an order that satisfies their inputs.

data -> train -> evaluate, export -> verify -> md:<name>, md_benchmark, the last four where the
recipe has [export], [[md]] and [md_benchmark]. A stage's table holds only what the stage reads, so
that a changed value reruns no more than it must.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import attrs

from nepforge.data.sources import DataSource, digest
from nepforge.plan.kinds import KINDS
from nepforge.plan.needs import needs_of
from nepforge.plan.stage import Input, Plan, SourceFile, Stage
from nepforge.plan.tables import EvaluateTable, ExportTable, TrainData, TrainTable, table_json
from nepforge.recipe.canonical import to_json
from nepforge.recipe.load import LoadedRecipe
from nepforge.recipe.rules import MD_LAYOUTS
from nepforge.recipe.tables import (
    Data,
    Export,
    Md,
    MdBenchmark,
    NEPModelTable,
    Recipe,
    StructureFromData,
)
from nepforge.recipe.tables.values import FileName

LAYOUT_FILES = {"nep4": "nep4.txt", "nep5": "nep5.txt", "lammps": "nep_to_lmps.txt"}
SEED_DOMAIN = b"nepforge.seed.v1\0"
SEED_BITS = 53  # exact in JSON numbers

TRAIN_FRAMES = Input("data", "train.npz")
VALID_FRAMES = Input("data", "valid.npz")


def build(loaded: LoadedRecipe) -> Plan:
    """The plan of one run."""
    recipe = loaded.recipe
    stages = [_data_stage(loaded), _train_stage(loaded), _evaluate_stage(recipe)]
    if recipe.export is not None:
        stages += [_export_stage(recipe, recipe.export), _verify_stage(recipe, recipe.export)]
        stages += [_md_stage(loaded, recipe.export, idx) for idx in range(len(recipe.md))]
        if recipe.md_benchmark is not None:
            stages.append(_md_benchmark_stage(loaded, recipe.export, recipe.md_benchmark))
    return Plan(
        name=recipe.name,
        recipe_hash=loaded.hash,
        recipe_file=loaded.path.name,
        recipe_text=loaded.text,
        resolved=loaded.resolved,
        threads=recipe.threads,
        tolerances=loaded.resolved["tolerances"],
        stages=tuple(stages),
        positions=loaded.positions,
        overrides=loaded.overrides,
        recipe_path=loaded.path,
        experiment="" if loaded.place is None else loaded.place.name,
    )


def stage_seed(seed: int, stage: str) -> int:
    """The seed of a stage, below 2^53: its own, so that adding a stage leaves the others alone."""
    content = SEED_DOMAIN + f"{seed}\0{stage}".encode()
    return int.from_bytes(hashlib.sha256(content).digest()) >> (256 - SEED_BITS)


def source_digest(source: SourceFile) -> str:
    """The sha256 that the user's file or folder has now."""
    return digest(source.path, source.part)[0]


def _stage(
    name: str,
    table: Any,
    *,
    inputs: Mapping[str, Input] | None = None,
    sources: Mapping[str, SourceFile] | None = None,
    paths: Mapping[str, str] | None = None,
    after: tuple[str, ...] = (),
) -> Stage:
    """A stage of the kind that its name starts with; `paths` where they differ from the names."""
    kind = name.partition(":")[0]
    return Stage(
        name=name,
        kind=kind,
        version=KINDS[kind].version,
        table=table,
        inputs=inputs or {},
        sources=sources or {},
        paths={**{key: key for key in table_json(table)}, **(paths or {})},
        after=after,
    )


def _data_stage(loaded: LoadedRecipe) -> Stage:
    data = loaded.recipe.data
    train = loaded.sources.each("data", "train")
    validation = loaded.sources.each("data", "validation")
    table: dict[str, Any] = {
        "data": {
            "species": list(data.species),
            "validation": None if validation else data.validation,
            "group_by": data.group_by,
            "files": {
                "train": _layout("train", train),
                "validation": _layout("validation", validation),
            },
        },
        "seed": stage_seed(loaded.recipe.seed, "data"),
    }
    table["data"] |= _baseline(data) | _selection(data) | _labels(data)
    if data.unconverged == "keep":
        table["data"]["unconverged"] = "keep"
    sources = {f"train.{idx}": _file(source) for idx, source in enumerate(train)}
    sources |= {f"validation.{idx}": _file(source) for idx, source in enumerate(validation)}
    paths = {name: f"data.{name.replace('.', '[')}]" for name in sources}
    needs = needs_of(loaded)
    sources |= {name: _file(source) for name, source in needs.files.items()}
    return _stage("data", table | needs.tables, sources=sources, paths=paths | needs.paths)


def _train_stage(loaded: LoadedRecipe) -> Stage:
    recipe, start = loaded.recipe, loaded.sources.get("model", "start_from")
    model = recipe.model
    if start is not None and isinstance(model, NEPModelTable):
        model = attrs.evolve(model, start_from=FileName("start_from"))  # a source, no path
    table = TrainTable(
        data=TrainData(
            species=recipe.data.species,
            energy_baseline=_baseline_by_type(recipe.data),
        ),
        model=model,
        optimizer=recipe.optimizer,
        seed=stage_seed(recipe.seed, "train"),
        threads=recipe.threads,
    )
    return _stage(
        "train",
        table,
        inputs={"train": TRAIN_FRAMES, "valid": VALID_FRAMES},
        sources={"start_from": _file(start)} if start else {},
        paths={"start_from": "model.start_from"} if start else {},
    )


def _baseline_by_type(data: Data) -> tuple[float, ...] | None:
    """The energies of the species where they are given."""
    given = data.energy_baseline
    return None if given is None else tuple(given[symbol] for symbol in data.species)


def _baseline(data: Data) -> dict[str, Any]:
    energies = _baseline_by_type(data)
    return {} if energies is None else {"energy_baseline": list(energies)}


def _selection(data: Data) -> dict[str, Any]:
    """The conditions that are given."""
    if data.select is None:
        return {}
    keys = {key: value for key, value in to_json(data.select).items() if value is not None}
    return {"select": keys}


def _labels(data: Data) -> dict[str, Any]:
    """What is told of labels, where it is; no key of an older recipe moves."""
    told: dict[str, str | None] = {} if data.labels is None else to_json(data.labels)
    given = {name: value for name, value in told.items() if value is not None}
    return {"labels": given} if given else {}


def _trained_model(recipe: Recipe) -> Input:
    return Input("train", f"{recipe.model.kind}_model.ckpt")


def _evaluate_stage(recipe: Recipe) -> Stage:
    inputs = {"model": _trained_model(recipe), "train": TRAIN_FRAMES, "valid": VALID_FRAMES}
    if recipe.model.kind == "nep" and recipe.optimizer.kind == "lkf":
        inputs["covariance"] = Input("train", "covariance.npz")
    return _stage("evaluate", EvaluateTable(threads=recipe.threads), inputs=inputs)


def _export_stage(recipe: Recipe, export: Export) -> Stage:
    inputs = {"model": _trained_model(recipe), "frames": TRAIN_FRAMES}
    return _stage("export", ExportTable(export=export), inputs=inputs)


def _verify_stage(recipe: Recipe, export: Export) -> Stage:
    layouts: dict[str, Input] = {
        name: Input("export", LAYOUT_FILES[name]) for name in export.layouts
    }
    inputs = {"model": _trained_model(recipe), "frames": VALID_FRAMES, **layouts}
    if recipe.md or recipe.md_benchmark is not None:  # which a useless model must not reach
        inputs["usefulness"] = Input("evaluate", "usefulness.json")
    return _stage("verify", ExportTable(export=export), inputs=inputs)


def _md_stage(loaded: LoadedRecipe, export: Export, idx: int) -> Stage:
    recipe = loaded.recipe
    md = recipe.md[idx]
    name = f"md:{md.name}"
    structure = loaded.sources.get("md", idx, "structure", "file")
    files = {"structure": structure} if structure else {}
    return _stage(
        name,
        {
            "species": list(recipe.data.species),
            "md": _md_table(md, files),
            "seed": stage_seed(recipe.seed, name),
        },
        inputs=_md_inputs(md, export),
        sources={key: _file(source) for key, source in files.items()},
        paths=_md_paths(f"md[{idx}]", files) | {"md": f"md[{idx}]"},
        after=("verify",),  # no MD with a model whose exported file is wrong
    )


def _md_benchmark_stage(loaded: LoadedRecipe, export: Export, benchmark: MdBenchmark) -> Stage:
    recipe, named = loaded.recipe, loaded.sources
    found = {
        "structure": named.get("md_benchmark", "structure", "file"),
        "deepmd_model": named.get("md_benchmark", "deepmd_model"),
    }
    files = {key: source for key, source in found.items() if source}
    table = _md_table(benchmark, files)
    if "deepmd_model" in files:
        table["deepmd_model"] = "deepmd_model"
    return _stage(
        "md_benchmark",
        {
            "species": list(recipe.data.species),
            "md_benchmark": table,
            "seed": stage_seed(recipe.seed, "md_benchmark"),
        },
        inputs=_md_inputs(benchmark, export),
        sources={key: _file(source) for key, source in files.items()},
        paths=_md_paths("md_benchmark", files),
        after=("verify",),
    )


def _md_inputs(md: Md | MdBenchmark, export: Export) -> dict[str, Input]:
    """The exported model, and the frames where the cell is one of them."""
    layout = next(layout for layout in MD_LAYOUTS if layout in export.layouts)
    model = {"model": Input("export", LAYOUT_FILES[layout])}
    frames = {"frames": TRAIN_FRAMES} if isinstance(md.structure, StructureFromData) else {}
    return {**model, **frames}


def _md_table(md: Md | MdBenchmark, files: Mapping[str, DataSource]) -> dict[str, Any]:
    """The table of the recipe; a structure file is the source "structure", not a local path."""
    table: dict[str, Any] = to_json(md)
    if "structure" in files:
        table["structure"] |= {"file": "structure", "format": files["structure"].format}
    return table


def _md_paths(table: str, files: Mapping[str, DataSource]) -> dict[str, str]:
    """Where the species and the files of a run stand in the recipe."""
    places = {"structure": f"{table}.structure.file", "deepmd_model": f"{table}.deepmd_model"}
    return {"species": "data.species", **{key: places[key] for key in files}}


def _layout(name: str, sources: Sequence[DataSource]) -> list[dict[str, str]]:
    return [
        {"name": f"{name}.{idx}", "format": source.format, "part": source.part}
        for idx, source in enumerate(sources)
    ]


def _file(source: DataSource) -> SourceFile:
    return SourceFile(source.path, source.sha256, source.size, source.part)
