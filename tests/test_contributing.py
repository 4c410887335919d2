"""The examples of CONTRIBUTING.md work as they stand, and satisfy the contracts."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import attrs
import pytest
import torch

from nepforge.data.formats import detect, table
from nepforge.data.frame import save_frames
from nepforge.plan.kinds import StageKind
from nepforge.plan.stage import Stage
from nepforge.train.steppers import STEPPERS
from tests.conftest import SPECIES
from tests.contracts import (
    DataSample,
    MakeFrame,
    Sample,
    StageSample,
    check_potential,
    check_reader,
    check_stage,
    check_stepper,
)
from tests.train.tasks import WEIGHTS, small_task

DOCUMENT = Path(__file__).parent.parent / "CONTRIBUTING.md"
BLOCK = re.compile(r"^```python ([a-z-]+)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
EXAMPLES = dict(BLOCK.findall(DOCUMENT.read_text(encoding="utf-8")))


def module_of(name: str, example: str) -> ModuleType:
    """The example as a module of that name."""
    module = ModuleType(name)
    sys.modules[name] = module  # where attrs looks for names in annotations
    exec(compile(EXAMPLES[example], f"{DOCUMENT.name}: {example}", "exec"), module.__dict__)
    return module


def value_of(example: str, **names: Any) -> Any:
    """The example as an expression."""
    return eval(EXAMPLES[example].strip(), names)


def test_the_example_of_a_data_format(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Reader and row satisfy the contract of readers."""
    name = "nepforge.data.formats.toy"
    monkeypatch.setitem(sys.modules, name, module_of(name, "data-format"))
    row = value_of("data-format-row", Format=table.Format)
    monkeypatch.setitem(table.BY_NAME, row.name, row)
    monkeypatch.setattr(detect, "OF_FILES", (*table.OF_FILES, row))
    sample = tmp_path / "water.toy"
    sample.write_text("toy 3 -14.2\nO 0 0 0\nH 0.76 0.59 0\nH -0.76 0.59 0\ntoy 1 -2\nO 0 0 0\n")
    (tmp_path / "scratch").mkdir()
    check_reader(DataSample(sample, "toy"), tmp_path / "scratch")


def test_the_example_of_an_optimizer(random_frame: MakeFrame) -> None:
    """Table and stepper satisfy the contract of steppers."""
    descent = module_of("nepforge.recipe.tables.descent", "optimizer-table").DescentOptimizer
    stepper = module_of("nepforge.train.steppers.descent", "optimizer").DescentStepper
    table = descent(kind="descent", epochs=1, batch_size=3, weights=WEIGHTS)
    steppers = {**STEPPERS, descent: stepper}
    check_stepper(attrs.evolve(small_task(random_frame, table), steppers=steppers))


def test_the_example_of_a_family_of_models(random_frame: MakeFrame) -> None:
    """The potential satisfies the contract of potentials."""
    model = module_of("nepforge.models.pairs", "model").Pairs(SPECIES, 4.5, 3)
    parameters = model.initial_parameters([-3.0, -5.0], torch.Generator().manual_seed(1))
    check_potential(Sample(model, parameters, torch.ones(1)), random_frame)


def test_the_example_of_a_stage(
    random_frame: MakeFrame, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Function, table and row satisfy the contract of stages."""
    row = value_of("stage-row", StageKind=StageKind)
    name = row.function.partition(":")[0]
    module = module_of(name, "stage")
    monkeypatch.setitem(sys.modules, name, module)
    save_frames(tmp_path / "train.npz", [random_frame(1, 4), random_frame(2, 6)])
    stage = Stage("count", "count", row.version, module.CountTable(smallest=5))
    sample = StageSample(stage, row, {"train": tmp_path / "train.npz"})
    (tmp_path / "scratch").mkdir()
    check_stage(sample, tmp_path / "scratch")
    out = sample.run(tmp_path)
    assert json.loads((out / "metrics.json").read_text()) == {"n_large": 1}
