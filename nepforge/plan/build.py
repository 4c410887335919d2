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
from nepforge.plan.needs import needs_of, of_source
from nepforge.plan.stage import Input, Plan, SourceFile, Stage
from nepforge.plan.tables import (
    DataFile,
    DataFiles,
    DataTable,
    EvaluateTable,
    ExportTable,
    MdBenchmarkTable,
    MdTable,
    ReadData,
    TrainData,
    TrainTable,
    table_json,
)
from nepforge.recipe.load import LoadedRecipe
from nepforge.recipe.rules import MD_LAYOUTS
from nepforge.recipe.tables import (
    Data,
    Export,
    Md,
    MdBenchmark,
    NEPModelTable,
    Recipe,
    Structure,
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
    needs = needs_of(loaded)
    table = DataTable(
        data=ReadData(
            species=data.species,
            validation=None if isinstance(data.validation, tuple) else data.validation,
            group_by=data.group_by,
            files=DataFiles(
                train=_data_files("train", train),
                validation=_data_files("validation", validation),
            ),
            energy_baseline=_baseline_by_type(data),
            select=data.select,
            labels=data.labels if table_json(data.labels, given=True) else None,
            unconverged="keep" if data.unconverged == "keep" else None,
        ),
        seed=stage_seed(loaded.recipe.seed, "data"),
        **needs.tables,
    )
    sources = {f"train.{idx}": _file(source) for idx, source in enumerate(train)}
    sources |= {f"validation.{idx}": _file(source) for idx, source in enumerate(validation)}
    paths = {name: f"data.{name.replace('.', '[')}]" for name in sources}
    sources |= {name: _file(source) for name, source in needs.files.items()}
    return _stage("data", table, sources=sources, paths=paths | needs.paths)


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
        MdTable(
            species=recipe.data.species,
            md=attrs.evolve(md, structure=_placed(md.structure, structure)),
            seed=stage_seed(recipe.seed, name),
        ),
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
    placed = attrs.evolve(
        benchmark,
        structure=_placed(benchmark.structure, found["structure"]),
        deepmd_model=FileName("deepmd_model") if "deepmd_model" in files else None,
    )
    return _stage(
        "md_benchmark",
        MdBenchmarkTable(
            species=recipe.data.species,
            md_benchmark=placed,
            seed=stage_seed(recipe.seed, "md_benchmark"),
        ),
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


def _placed(structure: Structure, source: DataSource | None) -> Structure:
    """A structure file is the source "structure" of the stage, not a local path."""
    return structure if source is None else of_source(structure, "structure", source)


def _md_paths(table: str, files: Mapping[str, DataSource]) -> dict[str, str]:
    """Where the species and the files of a run stand in the recipe."""
    places = {"structure": f"{table}.structure.file", "deepmd_model": f"{table}.deepmd_model"}
    return {"species": "data.species", **{key: places[key] for key in files}}


def _data_files(name: str, sources: Sequence[DataSource]) -> tuple[DataFile, ...]:
    return tuple(
        DataFile(name=f"{name}.{idx}", format=source.format, part=source.part)
        for idx, source in enumerate(sources)
    )


def _file(source: DataSource) -> SourceFile:
    return SourceFile(source.path, source.sha256, source.size, source.part)
