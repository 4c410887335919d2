#!/usr/bin/env python
"""Measure ASE calculators of NEP: atoms evaluated per second of CPU time.

    tools/bench_calculator.py MODEL STRUCTURE --calculator nepforge --atoms 96 2592 [--json]

"md" is velocity Verlet at 300 K and 1 fs through ASE; "single" evaluates structures that have
nothing in common but the cell, so that no neighbour list serves twice. Each is the best of some
rounds. The peers are `calorine` (CPUNEP) and `nep-adapters`; the latter may live in an environment
of its own, since nothing of nepforge is imported for a peer.
"""

from __future__ import annotations

import argparse
import importlib
import json
import time
from collections.abc import Callable
from itertools import product
from typing import Any

import ase
import ase.io
import ase.units
import numpy as np
from ase.md.verlet import VelocityVerlet

CALCULATORS = {  # name -> module, class
    "nepforge": ("nepforge", "Calculator"),
    "calorine": ("calorine.calculators", "CPUNEP"),
    "nep-adapters": ("nep_adapters.ase", "NepAseCalculator"),
}
TEMPERATURE = 300.0  # K
TIMESTEP = 1.0  # fs
DISPLACEMENT = 0.6  # Å: further than half of any skin
SECONDS = 2.0  # of CPU time of one round


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model")
    parser.add_argument("structure", help="any file that ASE reads")
    parser.add_argument("--calculator", choices=CALCULATORS, default="nepforge")
    parser.add_argument("--atoms", type=int, nargs="+", default=[96, 2592])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    unit = ase.io.read(arguments.structure)
    speeds: dict[str, dict[str, float]] = {}
    for n_atoms in arguments.atoms:
        atoms = unit.repeat(_repetition(n_atoms, len(unit)))
        module, name = CALCULATORS[arguments.calculator]
        atoms.calc = getattr(importlib.import_module(module), name)(arguments.model)
        speeds[str(n_atoms)] = {
            mode: max(measure(prepare(atoms), len(atoms)) for _ in range(arguments.rounds))
            for mode, prepare in (("md", _dynamics), ("single", _unrelated))
        }
    if arguments.json:
        print(json.dumps({"calculator": arguments.calculator, "atoms_per_cpu_s": speeds}))
        return
    for n_atoms, by_mode in speeds.items():
        text = ", ".join(f"{mode} {speed:,.0f}" for mode, speed in by_mode.items())
        print(f"{arguments.calculator} {n_atoms} atoms: {text} atoms/CPU s")


def _repetition(n_atoms: int, n_unit: int) -> tuple[int, ...]:
    """The most cubic supercell of this size."""
    found = [r for r in product(range(1, 33), repeat=3) if r[0] * r[1] * r[2] * n_unit == n_atoms]
    if not found:
        raise SystemExit(f"{n_atoms} atoms are no multiple of the {n_unit} of the structure")
    return min(found, key=max)


def measure(step: Callable[[], Any], n_atoms: int) -> float:
    """Atoms per CPU second of a step, which is first taken once."""
    step()
    steps, start = 0, time.process_time()
    while time.process_time() - start < SECONDS:
        step()
        steps += 1
    return n_atoms * steps / (time.process_time() - start)


def _dynamics(atoms: ase.Atoms) -> Callable[[], Any]:
    rng = np.random.default_rng(1)
    thermal = np.sqrt(ase.units.kB * TEMPERATURE * atoms.get_masses())[:, None]
    atoms.set_momenta(thermal * rng.normal(size=(len(atoms), 3)))
    dynamics = VelocityVerlet(atoms, TIMESTEP * ase.units.fs)
    return lambda: dynamics.run(1)


def _unrelated(atoms: ase.Atoms) -> Callable[[], Any]:
    rng, start = np.random.default_rng(1), atoms.get_positions()

    def step() -> None:
        direction = rng.normal(size=3)
        atoms.set_positions(start + DISPLACEMENT * direction / np.linalg.norm(direction))
        atoms.get_forces()

    return step


if __name__ == "__main__":
    main()
