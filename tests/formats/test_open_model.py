"""The one door to a model file: each use reads and parses the file once, damaged archives too."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
import torch

import nepforge
from nepforge.data.frame import Frame
from nepforge.errors import ModelFileError
from nepforge.evaluate.descriptors import frame_descriptors
from nepforge.evaluate.deviation import deviations
from nepforge.evaluate.inference import infer
from nepforge.formats import potential_file
from nepforge.formats.convert import convert_model, inspect
from nepforge.formats.covariance_file import FILE, write_covariance
from nepforge.formats.nep_txt import lammps_text
from nepforge.formats.open_model import open_model, open_nep
from nepforge.formats.potential_file import Trained, write_potential
from nepforge.models.dp.network import DP
from nepforge.models.nep import native
from nepforge.models.nep.network import NEP
from nepforge.models.uncertainty import Covariance
from tests.conftest import SPECIES, random_model
from tests.nep_files import KINDS, random_structure

FEW_INPUTS = 300
MANY_INPUTS = int(os.environ.get("NEPFORGE_FUZZ_INPUTS", "10000"))
NEP_SIZES = NEP(SPECIES, (4.5, 4.0), (1, 1), (2, 2), 2, ("222",), 3)
DP_SIZES = DP(SPECIES, 4.5, 0.5, (4, 8), 3, (6, 6), 2)

opened: list[str] = []


def _note(event: str, arguments: tuple[Any, ...]) -> None:
    if event == "open":
        opened.append(str(arguments[0]))


sys.addaudithook(_note)


@pytest.fixture
def frame() -> Frame:
    structure = random_structure(1, species=(72, 8))
    return Frame(structure.numbers, structure.positions, structure.cell)


def write_text(folder: Path) -> Path:
    path = folder / "nep.txt"
    trained = random_model(NEP_SIZES, 1)
    path.write_text(lammps_text(trained, trained.counts), encoding="ascii")
    return path


def write_nep(folder: Path) -> Path:
    trained = random_model(NEP_SIZES, 1)
    write_potential(folder / "nep_model.ckpt", trained)
    factor = torch.eye(NEP_SIZES.n_parameters, dtype=torch.float64)
    write_covariance(folder / FILE, Covariance((factor,), 0.2, 0.3), trained.parameters)
    return folder / "nep_model.ckpt"


def write_dp(folder: Path) -> Path:
    rng = torch.Generator().manual_seed(1)
    scaler = torch.rand(2, 3, generator=rng, dtype=torch.float64)
    parameters = DP_SIZES.initial_parameters([-3.0, -5.0], rng)
    trained = potential_file.with_numbers(DP_SIZES, parameters, scaler)
    write_potential(folder / "dp_model.ckpt", trained)
    return folder / "dp_model.ckpt"


ALL = {"text": write_text, "nep": write_nep, "dp": write_dp}
OF_NEP = {"text": write_text, "nep": write_nep}
Use = Callable[[Path, Frame], object]
USES: dict[str, tuple[dict[str, Callable[[Path], Path]], Use]] = {
    "infer": (ALL, lambda path, frame: infer(path, [frame])),
    "deviation": (ALL, lambda path, frame: deviations([path, path.with_name("b")], [frame])),
    "calculator": (ALL, lambda path, _: nepforge.Calculator(path).species),
    "convert": (OF_NEP, lambda path, _: convert_model(path, path.with_name("c.txt"), "nep5")),
    "inspect": (OF_NEP, lambda path, _: inspect(open_nep(path))),
    "descriptors": (OF_NEP, lambda path, frame: frame_descriptors([frame], path)),
    "error bars": (
        {"nep": write_nep},
        lambda path, frame: infer(path, [frame], uncertainty=True),
    ),
    "calculator with error bars": (
        {"nep": write_nep},
        lambda path, _: nepforge.Calculator(path, uncertainty=True),
    ),
}
CASES = [(use, kind) for use, (kinds, _) in USES.items() for kind in kinds]


@pytest.mark.parametrize(("use", "kind"), CASES)
def test_every_use_opens_and_parses_a_file_once(
    use: str, kind: str, frame: Frame, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A text by the C++ core, an archive by NumPy."""
    path = ALL[kind](tmp_path)
    path.with_name("b").write_bytes(path.read_bytes())
    parsed: list[str] = []
    parse_text, parse_archive = native.NativeModel.__init__, potential_file.read_archive

    def text(self: native.NativeModel, name: str, *rest: Any, **more: Any) -> None:
        parsed.append(str(name))
        parse_text(self, name, *rest, **more)

    def archive(content: bytes, name: Path, *rest: Any) -> Any:
        parsed.append(str(name))
        return parse_archive(content, name, *rest)

    if kind == "text":
        monkeypatch.setattr(native.NativeModel, "__init__", text)
    monkeypatch.setattr(potential_file, "read_archive", archive)
    opened.clear()
    USES[use][1](path, frame)
    assert opened.count(str(path)) == 1
    assert parsed.count(str(path)) == 1


def test_a_text_needs_no_torch_until_its_numbers_are_asked_for(tmp_path: Path) -> None:
    """So that a calculator starts at once."""
    path = KINDS["zbl"].write(tmp_path / "nep.txt")
    code = (
        f"import sys, nepforge; nepforge.Calculator({str(path)!r}); "
        "assert 'torch' not in sys.modules"
    )
    assert os.spawnv(os.P_WAIT, sys.executable, [sys.executable, "-c", code]) == 0


def header_of(path: Path) -> dict[str, Any]:
    with np.load(path) as found:
        header: dict[str, Any] = json.loads(found["header"].tobytes())
    return header


VALUES: list[Any] = [
    *(None, True, 0, 1, -1, 2, 3.5, 1e300, 10**30, float("nan"), "", "Hf", "nepforge.nep.v1"),
    *([], [1], [1, 2], [[1, 2], [3, 4]], ["Hf", "O"], ["Xx", "O"], {}, {"inner": 1.0}),
    {"inner": 1.0, "outer": 2.0, "factor": None, "rows": []},
]


def with_other_header(rng: np.random.Generator, path: Path, out: Path) -> None:
    """One value of the header replaced or taken away."""
    header = header_of(path)
    table = header if rng.random() < 0.2 else header["model"]
    key = list(table)[rng.integers(len(table))]
    if rng.random() < 0.2:
        del table[key]
    else:
        table[key] = VALUES[rng.integers(len(VALUES))]
    with np.load(path) as found:
        arrays: dict[str, Any] = {name: found[name] for name in found.files}
    arrays["header"] = np.frombuffer(json.dumps(header).encode(), dtype=np.uint8)
    with out.open("wb") as stream:
        np.savez(stream, **arrays)


def with_other_bytes(rng: np.random.Generator, path: Path, out: Path) -> None:
    """Some bytes changed, taken away or put in; most at the ends, where zip keeps its tables."""
    content = bytearray(path.read_bytes())
    for _ in range(rng.integers(1, 4)):
        near = int(rng.integers(min(400, len(content))))
        place = near if rng.random() < 0.4 else len(content) - 1 - near
        match rng.integers(4):
            case 0 | 1:
                content[place] = int(rng.integers(256))
            case 2:
                del content[place : place + int(rng.integers(1, 9))]
            case 3:
                content[place:place] = rng.bytes(int(rng.integers(1, 9)))
    out.write_bytes(bytes(content))


@pytest.mark.parametrize("kind", ["nep", "dp"])
@pytest.mark.parametrize("damage", [with_other_header, with_other_bytes])
def test_damaged_archives_are_models_or_refused(kind: str, damage: Any, tmp_path: Path) -> None:
    """By an error of ours that names the file."""
    damaged(ALL[kind](tmp_path), damage, FEW_INPUTS // 4)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["nep", "dp"])
@pytest.mark.parametrize("damage", [with_other_header, with_other_bytes])
def test_many_damaged_archives_are_models_or_refused(
    kind: str, damage: Any, tmp_path: Path
) -> None:
    """The same with more of them."""
    damaged(ALL[kind](tmp_path), damage, MANY_INPUTS // 4)


def damaged(path: Path, damage: Any, n_inputs: int) -> None:
    rng = np.random.default_rng(5)
    out = path.with_name("damaged.ckpt")
    refused = taken = 0
    for _ in range(n_inputs):
        damage(rng, path, out)
        try:
            found = cast("Trained", open_model(out).trained)
        except ModelFileError as error:
            refused += error.message.startswith(f"{out}:")
        else:
            write_potential(path.with_name("again.ckpt"), found)
            taken += 1
    assert refused + taken == n_inputs
    assert refused > n_inputs // 3
