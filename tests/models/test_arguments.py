"""Arguments without meaning are refused by name, by everything that evaluates a structure."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import ase
import attrs
import numpy as np
import pytest

import nepforge
from nepforge.data.frame import Frame
from nepforge.errors import DataError, UsageError
from nepforge.evaluate.deviation import deviations
from nepforge.evaluate.inference import infer
from nepforge.formats.deepmd_kit import DeepMDModel
from nepforge.formats.open_model import Evaluator
from nepforge.formats.potential_file import DPModel
from nepforge.models.nep.native import NativeModel
from nepforge.models.torch_model import TorchModel
from tests.models.potentials import DP_MODELS, dp_sample
from tests.nep_files import KINDS, random_structure

NAN, INF = float("nan"), float("inf")
THREADS: list[Any] = [-1, -8, 1.0, 1.5, NAN, True, "2", None, 10**6, 2**40, np.int64(-1)]
SKINS: list[Any] = [-1.0, -1e-300, NAN, INF, -INF, True, "1", None, 1e3, 1j, np.float64(NAN)]
GOOD: dict[str, Any] = {
    "numbers": [14, 8],
    "positions": [[0.0, 0.0, 0.0], [2.0, 0.0, 0.0]],
    "cell": 9.0 * np.eye(3),
    "pbc": (True, True, True),
}
# what is wrong -> the argument instead of the good one, words of the message
BAD: dict[str, tuple[dict[str, Any], str]] = {
    "half a number": ({"numbers": [14.7, 8]}, "numbers: found an array of float64"),
    "symbols": ({"numbers": ["Si", "O"]}, "numbers: found an array of <U2"),
    "flags": ({"numbers": [True, False]}, "numbers: found an array of bool"),
    "number wraps": ({"numbers": [14 + 2**32, 8]}, "atom 0 is of atomic number 4294967310"),
    "negative number": ({"numbers": [14, -8]}, "atom 1 is of atomic number -8"),
    "no element": ({"numbers": [14, 0]}, "1 is of atomic number 0|atomic numbers .0.|has X"),
    "numbers of two axes": ({"numbers": [[14, 8]]}, "numbers: found shape"),
    "positions nan": ({"positions": [[0, 0, 0], [NAN, 0, 0]]}, "position of atom 1 is not finite"),
    "positions inf": ({"positions": [[INF, 0, 0], [0, 0, 0]]}, "position of atom 0 is not finite"),
    "positions flat": ({"positions": [0.0] * 6}, "found positions of shape .6,."),
    "positions few": ({"positions": [[0, 0, 0]]}, "found positions of shape .1, 3."),
    "positions ragged": ({"positions": [[0, 0, 0], [1, 1]]}, "positions: .*real numbers"),
    "positions complex": ({"positions": [[0, 0, 0], [1j, 0, 0]]}, "positions: found an array of c"),
    "positions words": ({"positions": [["a"] * 3] * 2}, "positions: found an array of <U1"),
    "cell nan": ({"cell": np.diag([9.0, NAN, 9.0])}, "the cell is not finite"),
    "cell inf": ({"cell": np.diag([9.0, INF, 9.0])}, "the cell is not finite"),
    "cell lengths": ({"cell": [9.0, 9.0, 9.0]}, "a cell of shape .3,."),
    "cell flat": ({"cell": np.diag([9.0, 9.0, 0.0])}, "no volume"),
    "cell parallel": ({"cell": [[9, 0, 0], [9, 0, 0], [0, 0, 9]]}, "no volume"),
    "no cell": ({"cell": np.zeros((3, 3))}, "no volume"),
    "pbc one": ({"pbc": True}, "pbc: found True, expected three flags"),
    "pbc two": ({"pbc": (True, True)}, "pbc: found .*expected three flags"),
    "pbc words": ({"pbc": "TTT"}, "pbc: found an array of <U3"),
    "pbc numbers": ({"pbc": (1, 2, 0)}, "pbc: found .1, 2, 0., expected three flags"),
}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return KINDS["zbl"].write(tmp_path / "nep.txt")


class Potential:
    """Stands in for DeePMD-kit's DeepPot; never evaluated here."""

    def get_type_map(self) -> list[str]:
        return ["Si", "O"]


def native(path: Path) -> Evaluator:
    return NativeModel(path)


def torch_model(_path: Path) -> Evaluator:
    sample = dp_sample(attrs.evolve(DP_MODELS["dp"], species=("Si", "O")))
    return TorchModel(DPModel(sample.model, sample.parameters, sample.scaler))


def deepmd(_path: Path) -> Evaluator:
    model = DeepMDModel(Path("frozen.pb"))
    model.__dict__["_potential"] = Potential()
    return model


EVALUATORS: dict[str, Callable[[Path], Evaluator]] = {
    "core": native,
    "torch": torch_model,
    "DeePMD-kit": deepmd,
}


@pytest.fixture(params=EVALUATORS.values(), ids=EVALUATORS.keys())
def model(request: pytest.FixtureRequest, path: Path) -> Evaluator:
    return request.param(path)  # type: ignore[no-any-return]


@pytest.mark.parametrize(("change", "words"), BAD.values(), ids=BAD.keys())
def test_a_structure_without_meaning_is_refused(
    model: Evaluator, change: dict[str, Any], words: str
) -> None:
    """Never truncated, wrapped around or evaluated."""
    with pytest.raises(DataError, match=words):
        model.evaluate_structure(**{**GOOD, **change})


@pytest.mark.parametrize("threads", THREADS, ids=repr)
def test_threads_without_meaning_are_refused(model: Evaluator, threads: Any, path: Path) -> None:
    """By everything that takes them."""
    structure = random_structure(1)
    frames = [Frame(structure.numbers, structure.positions, structure.cell)]
    calls = [
        lambda: model.evaluate_structure(**GOOD, n_threads=threads),
        lambda: nepforge.Calculator(path, threads=threads),
        lambda: infer(path, frames, threads=threads),
        lambda: deviations([path, path], frames, threads=threads),
        lambda: NativeModel(path).evaluate(**GOOD, n_threads=threads),
    ]
    for call in calls:
        with pytest.raises(UsageError, match=r"threads: found .*expected a whole number from 0"):
            call()


@pytest.mark.parametrize("skin", SKINS, ids=repr)
def test_a_skin_without_meaning_is_refused(model: Evaluator, skin: Any, path: Path) -> None:
    """-1 would lose neighbours, nan would keep none."""
    calls = [
        lambda: model.evaluate_structure(**GOOD, skin=skin),
        lambda: nepforge.Calculator(path, skin=skin),
        lambda: NativeModel(path).evaluate(**GOOD, skin=skin),
    ]
    for call in calls:
        with pytest.raises(UsageError, match=r"skin: found .*expected a number from 0 to 100"):
            call()


def test_settings_changed_later_are_checked_too(path: Path) -> None:
    """They are attributes of the calculator."""
    atoms = ase.Atoms("SiO", GOOD["positions"], cell=GOOD["cell"], pbc=True)
    for name, value in (("skin", -1.0), ("threads", -1)):
        atoms.calc = nepforge.Calculator(path)
        setattr(atoms.calc, name, value)
        with pytest.raises(UsageError, match=f"{name}: found -1"):
            atoms.get_potential_energy()


@pytest.mark.parametrize("threads", [0, 1, np.int32(2), 4096])
@pytest.mark.parametrize("skin", [0, 0.0, 1, np.float32(0.5), 100.0])
def test_what_has_a_meaning_is_taken(path: Path, threads: Any, skin: Any) -> None:
    """The numbers do not depend on it."""
    model = NativeModel(path)
    expected = model.evaluate_structure(**GOOD)
    found = model.evaluate_structure(**GOOD, n_threads=threads, skin=skin)
    np.testing.assert_allclose(found.energies, expected.energies, rtol=1e-13)


def test_far_outside_a_periodic_cell_digits_are_lost(path: Path) -> None:
    """A million cells away the forces are still there, beyond a billion Å they are refused."""
    model = NativeModel(path)
    positions = np.array(GOOD["positions"])
    expected = model.evaluate_structure(**GOOD).forces
    moved = {**GOOD, "positions": positions + np.array([9.0e6, 0.0, 0.0])}
    np.testing.assert_allclose(model.evaluate_structure(**moved).forces, expected, atol=1e-6)
    moved["positions"] = positions + np.array([[0.0, 0.0, 0.0], [0.0, -9.0e9, 0.0]])
    with pytest.raises(DataError, match=r"position of atom 1 is .*: beyond 1e\+09 Å rounding"):
        model.evaluate_structure(**moved)
    model.evaluate_structure(**{**moved, "pbc": (False, False, False)})
