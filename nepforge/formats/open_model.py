"""The one door to a model file: `open_model` reads and checks it once, whatever its kind.

A kind of model file is a row of `KINDS`. Nothing here imports torch before an archive is met or
the numbers of a text are asked for: a calculator of a text file starts at once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from attrs import define, frozen
from numpy.typing import ArrayLike

from nepforge.errors import ModelFileError
from nepforge.formats.content import read_content
from nepforge.formats.deepmd_kit import SUFFIXES, DeepMDModel
from nepforge.formats.nep_file import NEPFile
from nepforge.models.nep.native import StructureResult

if TYPE_CHECKING:
    from nepforge.models.potential import TrainedPotential


class Evaluator(Protocol):
    """Energies, forces and the virial of one structure after another."""

    @property
    def species(self) -> tuple[str, ...]:
        """Chemical symbols in model order."""

    @property
    def cutoff(self) -> tuple[float, float]:
        """Largest radial and angular cutoff of any species in Å."""

    def evaluate_structure(
        self,
        numbers: ArrayLike,
        positions: ArrayLike,
        cell: ArrayLike,
        pbc: Sequence[bool] = (True, True, True),
        *,
        n_threads: int = 1,
        skin: float = 0.0,
    ) -> StructureResult:
        """See nepforge.models.nep.native.NativeModel.evaluate_structure."""


class ModelFile(Protocol):
    """An open model file. It can be pickled; its file, unless another program reads it, may go."""

    @property
    def name(self) -> str:
        """Its path, for messages."""

    @property
    def species(self) -> tuple[str, ...]:
        """Chemical symbols in model order."""

    @property
    def cutoff(self) -> tuple[float, float]:
        """Largest radial and angular cutoff of any species in Å."""

    @property
    def trained(self) -> TrainedPotential:
        """The model with its numbers, for torch.

        Raises:
            ModelFileError: Only another program has them.
        """

    def evaluator(self) -> Evaluator:
        """What evaluates structures: always the same object, for one thread at a time."""


@define(eq=False)
class TorchFile:
    """A model that torch evaluates, as dp_model.ckpt; `open_model` makes it."""

    name: str
    trained: TrainedPotential

    @property
    def species(self) -> tuple[str, ...]:
        """Chemical symbols in model order."""
        return self.trained.model.species

    @property
    def cutoff(self) -> tuple[float, float]:
        """The cutoff in Å, twice: radial and angular parts have the same."""
        return (self.trained.model.neighbor_cutoff,) * 2

    def evaluator(self) -> Evaluator:
        """It holds nothing but the model."""
        from nepforge.models.torch_model import TorchModel  # noqa: PLC0415 - torch

        return TorchModel(self.trained)


def _open_archive(path: Path, content: bytes) -> ModelFile:
    from nepforge.formats.potential_file import NEPModel, trained_of  # noqa: PLC0415 - torch

    trained = trained_of(content, path)
    if isinstance(trained, NEPModel):
        return NEPFile.of_trained(str(path), trained)
    return TorchFile(str(path), trained)


@frozen
class Kind:
    """One kind of model file, told by its name or by its first bytes."""

    suffixes: tuple[str, ...]  # such a file is not read here: another program does it
    magic: bytes
    open: Callable[[Path, bytes], ModelFile]


KINDS = (
    Kind(SUFFIXES, b"", lambda path, _: DeepMDModel(path)),
    Kind((), b"PK", _open_archive),
    Kind((), b"", lambda path, content: NEPFile.of_text(str(path), content)),
)


def open_model(path: Path | str) -> ModelFile:
    """Open a model file; it is read and checked once.

    Args:
        path: nep_model.ckpt, GPUMD's nep.txt (nep3, nep4, nep5), the LAMMPS layout, dp_model.ckpt,
            or a frozen model of DeePMD-kit (the extra `deepmd`).

    Raises:
        ModelFileError: The file is missing, damaged, or of a kind that is not evaluated.
    """
    path = Path(path)
    for kind in KINDS:
        if path.suffix in kind.suffixes and path.exists():
            return kind.open(path, b"")
    content = read_content(path)
    by_content = (kind for kind in KINDS if not kind.suffixes)
    return next(k for k in by_content if content.startswith(k.magic)).open(path, content)


def open_nep(path: Path | str) -> NEPFile:
    """As `open_model`, of NEP models alone.

    Raises:
        ModelFileError: Missing, damaged, or another kind of model.
    """
    opened = open_model(path)
    if not isinstance(opened, NEPFile):
        raise ModelFileError(
            f"{path}: found a Deep Potential, expected a NEP model",
            hint="nepforge infer and test, and nepforge.Calculator, take it as it is",
        )
    return opened
