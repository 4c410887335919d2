"""Options for names, units and signs of the labels of extended XYZ."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

import rich_click as click

# field of LabelNames and key of [data.labels] -> metavar, help
_OPTIONS = {
    "energy": ("KEY", "Key of the energy in the comment lines of XYZ, e.g. REF_energy."),
    "forces": ("COLUMN", "Column of the forces in XYZ, e.g. REF_forces."),
    "virial": ("KEY", "Key of the virial in XYZ."),
    "stress": ("KEY", "Key of the stress in XYZ."),
    "atomic_energy": ("COLUMN", "Column of atomic energies in XYZ."),
    "energy_unit": ("UNIT", "eV, meV, hartree, Ry, kcal/mol, kJ/mol."),
    "force_unit": ("UNIT", "E.g. hartree/bohr, kcal/mol/angstrom."),
    "virial_unit": ("UNIT", "A unit of energy."),
    "stress_unit": ("UNIT", "GPa, kbar, bar, or e.g. hartree/bohr^3."),
    "force_sign": ("SIGN", "force, or gradient if columns hold dU/dr."),
    "virial_sign": ("SIGN", "compression-positive (GPUMD), or tension-positive."),
    "stress_sign": ("SIGN", "tension-positive (ASE), or compression-positive."),
}


Command = Callable[..., None]


def label_options(command: Command) -> Command:
    """The label options, passed to the command as one argument `labels`, a `LabelNames`."""
    return _with_labels(command, ("--{0}", "--label-{0}"))


def prefixed_label_options(command: Command) -> Command:
    """The same for a command where `--energy` and `--virial` have another meaning."""
    return _with_labels(command, ("--label-{0}",))


def _with_labels(command: Command, flags: tuple[str, ...]) -> Command:
    @wraps(command)
    def with_labels(**options: Any) -> None:
        from nepforge.data.labels.names import LabelNames

        told = {name: options.pop(_parameter(name)) for name in _OPTIONS}
        command(**options, labels=LabelNames(**told))

    described: Any = with_labels
    for name, (metavar, words) in reversed(_OPTIONS.items()):
        spelled = [flag.format(name.replace("_", "-")) for flag in flags]
        option = click.option(*spelled, _parameter(name), default="", metavar=metavar, help=words)
        described = option(described)
    return described  # type: ignore[no-any-return]


def _parameter(name: str) -> str:
    return f"label_{name}"
