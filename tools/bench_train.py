"""Measure LKF training: CPU seconds a frame, by part, and the validation errors reached.

    tools/bench_train.py --data DIR [--neurons N] [--epochs N] [--json]

DIR is a tree of pwdata folders with train/ and valid/ parts. Validation frames that training holds
are left out. The model is that of PWMLFF (cutoff 6 6, n_max 4 4, basis_size 12 12, l_max 4 2 1).
CPU seconds are user plus system time of this process; evaluation is given apart.
"""

from __future__ import annotations

import argparse
import json
import resource
import sys
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from ase.data import chemical_symbols

from nepforge.data.formats.read import read_frames
from nepforge.data.prepare import energy_baseline, split_given
from nepforge.errors import NepforgeError
from nepforge.models.nep.jacobian import direction_rows, energy_rows
from nepforge.models.nep.network import NEP
from nepforge.models.nep.states import predict_from_states, type_states
from nepforge.recipe.tables import LKFOptimizer, Weights
from nepforge.train.average import TailAverage
from nepforge.train.observations import group_directions
from nepforge.train.steppers import LKFStepper
from nepforge.train.training_set import FrameSet, errors_of, find_scaler

WEIGHTS = Weights(energy=100.0, force=1.0, virial=0.0)
TAIL = 0.5  # share of an epoch whose mean parameters are validated
PARTS_STEPS = 12  # batches for the cost of each part


def main() -> int:
    """Run the benchmark; the last line is one JSON object under --json."""
    arguments = _arguments()
    try:
        report = _bench(arguments)
    except NepforgeError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    if arguments.json:
        print(json.dumps(report))
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data", type=Path, required=True, help="tree of pwdata folders")
    parser.add_argument("--neurons", type=int, default=40)
    parser.add_argument("--epochs", type=int, default=1)
    parser.add_argument("--batch-size", type=int, default=4, help="frames in one update")
    parser.add_argument("--force-groups", type=int, default=2)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", action="store_true", help="end with one JSON line")
    return parser.parse_args()


def _bench(arguments: argparse.Namespace) -> dict[str, float]:
    torch.set_num_threads(arguments.threads)
    split = split_given(
        read_frames(arguments.data, "pwdata", "train"),
        read_frames(arguments.data, "pwdata", "valid"),
    )
    numbers = sorted({int(z) for f in (*split.train, *split.valid) for z in f.numbers})
    species = [chemical_symbols[z] for z in numbers]
    invariants = ("222", "1111")
    model = NEP(
        tuple(species), (6.0, 6.0), (4, 4), (12, 12), 4, invariants, neurons=arguments.neurons
    )
    clock: dict[str, float] = defaultdict(float)
    with _timed(clock, "set-up"):
        train_set = FrameSet.build(split.train, model)
        valid_set = FrameSet.build(split.valid, model)
        q_scaler = find_scaler(model, train_set)
    rng = torch.Generator().manual_seed(arguments.seed)
    table = LKFOptimizer(
        kind="lkf",
        epochs=arguments.epochs,
        batch_size=arguments.batch_size,
        force_groups=arguments.force_groups,
        p0_weight=1.0,
        weights=WEIGHTS,
    )
    baseline = energy_baseline(split.train, species).tolist()
    stepper = LKFStepper(model, model.initial_parameters(baseline, rng), q_scaler, table)
    print(
        f"{len(train_set)} training and {len(valid_set)} validation frames, "
        f"{model.n_parameters} parameters, {arguments.threads} threads"
    )
    errors: dict[str, float] = {}
    for epoch in range(1, arguments.epochs + 1):
        with _timed(clock, "training"):
            parameters = _train_epoch(stepper, train_set, arguments.batch_size, rng)
        with _timed(clock, "evaluation"):
            errors = errors_of(model, parameters, q_scaler, valid_set).report("valid")
        print(
            f"epoch {epoch:3d}: {clock['training']:8.1f} CPU s of training, validation energy "
            f"{1e3 * errors['valid_energy_rmse']:.2f} meV/atom, "
            f"force {errors['valid_force_rmse']:.4f} eV/Å"
        )
    frames_seen = len(train_set) * arguments.epochs
    parts = _cost_of_parts(model, stepper, train_set, arguments, rng)
    for name, seconds in parts.items():
        print(f"  {name:10s} {1e3 * seconds:7.2f} ms a frame")
    return {
        "cpu_s_per_frame": clock["training"] / frames_seen,
        "valid_energy_rmse": errors["valid_energy_rmse"],
        "valid_force_rmse": errors["valid_force_rmse"],
        "n_params": model.n_parameters,
        "frames": len(train_set),
        "epochs": arguments.epochs,
        "evaluation_cpu_s_per_frame": clock["evaluation"] / (len(valid_set) * arguments.epochs),
        "setup_cpu_s": clock["set-up"],
        "threads": arguments.threads,
        **{f"{name}_cpu_s_per_frame": seconds for name, seconds in parts.items()},
    }


def _train_epoch(
    stepper: LKFStepper, frames: FrameSet, batch_size: int, rng: torch.Generator
) -> torch.Tensor:
    """One epoch; gives the mean parameters over its end."""
    average = TailAverage.start(TAIL, stepper.parameters)
    done = 0
    for indices in _batches(frames, batch_size, rng):
        stepper.step(frames.batch(indices), rng)
        done += len(indices)
        average.add(stepper.parameters, done, len(frames))
    stepper.finish_epoch()
    return average.finish(stepper.parameters)


def _batches(frames: FrameSet, batch_size: int, rng: torch.Generator) -> Iterator[list[int]]:
    order = torch.randperm(len(frames), generator=rng).tolist()
    for first in range(0, len(order), batch_size):
        yield order[first : first + batch_size]


def _cost_of_parts(
    model: NEP,
    stepper: LKFStepper,
    frames: FrameSet,
    arguments: argparse.Namespace,
    rng: torch.Generator,
) -> dict[str, float]:
    """CPU seconds a frame of each part of a step, measured one by one."""
    parameters, q_scaler = stepper.parameters, stepper.scaler
    clock: dict[str, float] = defaultdict(float)
    seen = 0
    batches = list(_batches(frames, arguments.batch_size, rng))[:PARTS_STEPS]
    for indices in batches:
        seen += len(indices)
        with _timed(clock, "batch"):
            batch = frames.batch(indices)
        with _timed(clock, "moments"):
            kernels = model.pair_kernels(batch)
            moment = kernels.moments()
        with _timed(clock, "forces"):
            states = type_states(model, parameters, q_scaler, batch, moment)
            prediction = predict_from_states(model, parameters, batch, kernels, states)
        with _timed(clock, "tangents"):
            error = batch.forces - prediction.forces
            directions = group_directions(batch, error, arguments.force_groups, rng)
            tangents = kernels.displacement_tangents(directions)
        with _timed(clock, "jacobian"):
            energies = energy_rows(model, batch, moment, states)
            _, forces = direction_rows(model, parameters, q_scaler, batch, moment, tangents, states)
            rows = torch.cat([energies, forces.flatten(0, 1)])
        with _timed(clock, "kalman"):
            innovations = torch.zeros(len(rows), dtype=rows.dtype)
            stepper.filter.step(stepper.parameters, rows, innovations)
    return {name: seconds / seen for name, seconds in clock.items()}


@contextmanager
def _timed(clock: dict[str, float], name: str) -> Iterator[None]:
    """Add the CPU seconds of the block to the clock."""
    start = _cpu_seconds()
    yield
    clock[name] += _cpu_seconds() - start


def _cpu_seconds() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


if __name__ == "__main__":
    sys.exit(main())
