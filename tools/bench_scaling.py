"""Measure how the cost of LKF training grows with parameters, species and frames.

    tools/bench_scaling.py [--figure FILE.png]

Frames of 96 atoms are made from recipes/data/hfo2_gpaw.xyz; for more species, elements are drawn at
random. The model is that of PWMLFF (cutoff 6 6, n_max 4 4, basis_size 12 12, l_max 4 2 1, 40
neurons), batches of 4 frames with 2 force groups, but for the number that varies. One thread; CPU
seconds are user plus system time. Each setting runs in a process of its own, whose largest resident
memory is given less that of a process which has only loaded the frames.
"""

from __future__ import annotations

import argparse
import multiprocessing
import resource
import sys
import time
from pathlib import Path

import numpy as np
import torch
from ase.data import atomic_numbers
from attrs import evolve, frozen

from nepforge.data.formats.read import read_frames
from nepforge.data.frame import Frame
from nepforge.models.nep.network import NEP
from nepforge.plots.figure import BLUE, drawing
from nepforge.recipe.tables import LKFOptimizer, Weights
from nepforge.train.steppers import LKFStepper
from nepforge.train.training_set import FrameSet, find_scaler

DATA = Path(__file__).resolve().parent.parent / "recipes/data/hfo2_gpaw.xyz"
SPECIES = ("Hf", "O", "Si", "Ti", "Zr", "Al", "N", "Ta")
COPIES = 2  # of the 12-atom cells along each axis
BATCH = 4
WARM_UP = 4  # batches before the clock starts
BATCHES = 16
SETTINGS = LKFOptimizer(
    kind="lkf",
    epochs=1,
    batch_size=BATCH,
    force_groups=2,
    p0_weight=1.0,
    weights=Weights(energy=100.0, force=1.0, virial=0.0),
)


@frozen
class Setting:
    """What one measurement is made with."""

    varied: str
    neurons: int = 40
    n_species: int = 2
    n_frames: int = BATCH * BATCHES


@frozen
class Cost:
    """What came out."""

    n_parameters: int
    seconds: float  # CPU, a frame
    mebibytes: float


def main() -> int:
    """Print a table, and draw it."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--figure", type=Path, help="PNG file to write")
    arguments = parser.parse_args()
    settings = [
        *[Setting("neurons", neurons=n) for n in (10, 20, 40, 70, 100)],
        *[Setting("species", n_species=n) for n in (1, 2, 4, 8)],
        *[Setting("frames", n_frames=n) for n in (64, 128, 256, 512)],
    ]
    costs = []
    print(f"{'varied':8s} {'value':>6s} {'parameters':>10s} {'CPU ms/frame':>13s} {'MiB':>7s}")
    for setting in settings:
        with multiprocessing.get_context("spawn").Pool(1) as pool:
            cost = pool.apply(_measure, (setting,))
        costs.append(cost)
        print(
            f"{setting.varied:8s} {_value(setting):6d} {cost.n_parameters:10d} "
            f"{1e3 * cost.seconds:13.2f} {cost.mebibytes:7.0f}",
            flush=True,
        )
    if arguments.figure:
        _draw(arguments.figure, settings, costs)
    return 0


def _value(setting: Setting) -> int:
    values = {
        "neurons": setting.neurons,
        "species": setting.n_species,
        "frames": setting.n_frames,
    }
    return values[setting.varied]


def _measure(setting: Setting) -> Cost:
    torch.set_num_threads(1)
    rng = torch.Generator().manual_seed(1)
    species = SPECIES[: setting.n_species]
    frames = _frames(setting.n_frames, species)
    model = NEP(species, (6.0, 6.0), (4, 4), (12, 12), 4, ("222", "1111"), setting.neurons)
    before = _peak_mebibytes()
    train_set = FrameSet.build(frames, model)
    scaler = find_scaler(model, train_set)
    parameters = model.initial_parameters([-9.0] * len(species), rng)
    stepper = LKFStepper(model, parameters, scaler, SETTINGS)
    order = torch.randperm(len(frames), generator=rng).tolist()
    batches = [order[first : first + BATCH] for first in range(0, len(order), BATCH)]
    for batch in batches[:WARM_UP]:
        stepper.step(train_set.batch(batch), rng)
    start = time.process_time()
    for batch in batches:
        stepper.step(train_set.batch(batch), rng)
    seconds = (time.process_time() - start) / len(order)
    return Cost(model.n_parameters, seconds, _peak_mebibytes() - before)


def _frames(n_frames: int, species: tuple[str, ...]) -> list[Frame]:
    """Cells of 96 atoms with the labels of their copies, in the given elements."""
    rng = np.random.default_rng(1)
    cells = read_frames(DATA, "extxyz")
    numbers = np.array([atomic_numbers[symbol] for symbol in species])
    shifts = np.stack(np.meshgrid(*[np.arange(COPIES)] * 3), axis=-1).reshape(-1, 3)
    frames = []
    for idx in range(n_frames):
        cell = cells[idx % len(cells)]
        n_copies = len(shifts)
        assert cell.energy is not None
        assert cell.forces is not None
        frames.append(
            evolve(
                cell,
                numbers=rng.choice(numbers, n_copies * cell.n_atoms),
                positions=np.concatenate([cell.positions + shift @ cell.cell for shift in shifts]),
                cell=COPIES * cell.cell,
                energy=n_copies * cell.energy,
                forces=np.tile(cell.forces, (n_copies, 1)),
                virial=None,
            )
        )
    return frames


def _peak_mebibytes() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024.0


def _draw(path: Path, settings: list[Setting], costs: list[Cost]) -> None:
    """CPU time and memory against parameters, species and frames."""
    names = {"neurons": "Parameters (10 to 100 neurons)", "species": "Species", "frames": "Frames"}
    with drawing(path, 6.6, 4.0) as figure:
        axes = figure.subplots(2, len(names), sharex="col", sharey="row")
        for column, (varied, label) in enumerate(names.items()):
            chosen = [
                (setting, cost)
                for setting, cost in zip(settings, costs, strict=True)
                if setting.varied == varied
            ]
            x = [c.n_parameters if varied == "neurons" else _value(s) for s, c in chosen]
            axes[0, column].plot(x, [1e3 * c.seconds for _, c in chosen], "o-", color=BLUE)
            axes[1, column].plot(x, [c.mebibytes for _, c in chosen], "o-", color=BLUE)
            axes[1, column].set_xlabel(label)
        axes[0, 0].set_ylabel("CPU time (ms/frame)")
        axes[1, 0].set_ylabel("Memory (MiB)")
        for panel in axes.flat:
            panel.set_ylim(bottom=0.0)


if __name__ == "__main__":
    sys.exit(main())
