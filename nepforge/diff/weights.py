"""How far two trained models are apart, block by block."""

from __future__ import annotations

from pathlib import Path

from attrs import frozen

from nepforge.errors import ModelFileError


@frozen
class BlockDifference:
    """The Euclidean norms of one parameter group: of the first model and of the difference."""

    name: str
    size: int
    norm: float
    difference: float

    @property
    def relative(self) -> float:
        return self.difference / self.norm if self.norm else float(self.difference > 0.0)


def weight_differences(first: Path, second: Path) -> list[BlockDifference]:
    """Compare two checkpoints group by group; empty when the models differ in shape."""
    from nepforge.formats.open_model import open_model  # noqa: PLC0415 - loads torch

    try:
        one, two = open_model(first).trained, open_model(second).trained
    except ModelFileError:
        return []
    groups = one.model.parameter_groups()
    if groups != two.model.parameter_groups():
        return []
    sizes = [size for _, size in groups]
    parts = zip(groups, one.parameters.split(sizes), two.parameters.split(sizes), strict=True)
    return [
        BlockDifference(name, size, float(a.norm()), float((b - a).norm()))
        for (name, size), a, b in parts
    ]
