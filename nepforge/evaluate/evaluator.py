"""Whatever evaluates a model file: C++ for NEP, torch for Deep Potential, DeePMD-kit for its own.

Nothing here imports torch before a checkpoint is met.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from numpy.typing import ArrayLike

from nepforge.evaluate.deepmd_kit import SUFFIXES, DeepMDModel
from nepforge.formats.model_file import is_deep_potential, model_text
from nepforge.models.nep.native import NativeModel, StructureResult

if TYPE_CHECKING:
    from nepforge.formats.dp_file import DPModel


class Evaluator(Protocol):
    """A model that energies, forces and virials are asked of; see native.NativeModel."""

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
        """Energies, forces and the virial of one structure."""


def read_content(path: Path) -> str | DPModel | DeepMDModel:
    """What a model file holds: the text of a NEP in any layout, or a Deep Potential.

    Raises:
        ModelFileError: Missing or damaged. Text is checked by its reader.
    """
    if path.suffix in SUFFIXES and path.exists():
        return DeepMDModel(path)
    if is_deep_potential(path):
        from nepforge.formats.dp_file import read_dp  # noqa: PLC0415 - torch

        return read_dp(path)
    return model_text(path)


def evaluator(name: str, content: str | DPModel | DeepMDModel) -> Evaluator:
    """The evaluator of what `read_content` gave; `name` is for messages.

    Raises:
        ModelFileError: The text is damaged, or of a kind that is not evaluated.
    """
    if isinstance(content, str):
        return NativeModel(name, text=content)
    if isinstance(content, DeepMDModel):
        return content
    from nepforge.models.torch_model import TorchModel  # noqa: PLC0415 - torch

    return TorchModel(content)
