"""An open NEP model: a text that the C++ core has read, or numbers for torch.

Each is made from the other when it is asked for. Only the numbers need torch.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

from attrs import define

from nepforge.models.nep.native import NativeModel

if TYPE_CHECKING:
    from nepforge.formats.potential_file import NEPModel

CHECKPOINT = "ckpt"  # layout of nep_model.ckpt, beside those of text files


@define(slots=False, eq=False)
class NEPFile:
    """A NEP model file of any layout; `open_model` makes it."""

    name: str  # path of the file, for messages
    layout: str  # nep3, nep4, nep5, lammps or CHECKPOINT

    @classmethod
    def of_text(cls, name: str, content: bytes) -> NEPFile:
        """Read a text file.

        Raises:
            ModelFileError: It is damaged, or of a kind that is not evaluated; says line, what was
                found and what was expected.
        """
        native = NativeModel(name, content=content)
        header = native.header
        is_lammps = header.version == 4 and header.bias_per_species
        opened = cls(name, "lammps" if is_lammps else f"nep{header.version}")
        opened.__dict__.update(text=content, _native=native)
        return opened

    @classmethod
    def of_trained(cls, name: str, trained: NEPModel) -> NEPFile:
        """A model that was read from nep_model.ckpt."""
        opened = cls(name, CHECKPOINT)
        opened.__dict__.update(trained=trained)
        return opened

    @cached_property
    def text(self) -> bytes:
        """The model as the C++ core and LAMMPS read it: the file itself, or the LAMMPS layout."""
        from nepforge.formats.nep_txt import lammps_text  # noqa: PLC0415 - torch

        return lammps_text(self.trained, self.trained.counts).encode("ascii")

    @cached_property
    def trained(self) -> NEPModel:
        """The model with its numbers."""
        from nepforge.formats.nep_txt import trained_of  # noqa: PLC0415 - torch

        return trained_of(self._native.header, self._native.numbers())

    @cached_property
    def _native(self) -> NativeModel:
        return NativeModel(self.name, content=self.text)

    def __getstate__(self) -> dict[str, Any]:
        return {"name": self.name, "layout": self.layout, "text": self.text}

    @property
    def species(self) -> tuple[str, ...]:
        """Chemical symbols in model order."""
        return self._native.species

    @property
    def cutoff(self) -> tuple[float, float]:
        """Largest radial and angular cutoff of any species in Å."""
        return self._native.cutoff

    def evaluator(self) -> NativeModel:
        """The C++ core: always the same object, for one thread at a time."""
        return self._native
