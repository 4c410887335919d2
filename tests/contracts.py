"""What every implementation of a kind must satisfy, whatever it computes.

A contract is a list of claims; a claim is a function that raises AssertionError. Tests run each
contract over its registry, so that a new row of a registry is tested without a test of its own:

    check_potential   tests/models/test_contract.py    families of models
    check_reader      tests/data/test_contract.py      data formats
    check_stepper     tests/train/test_contract.py     optimizers
    check_stage       tests/stages/test_contract.py    kinds of stages
"""

from __future__ import annotations

import gzip
import re
import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import attrs
import numpy as np
import pytest
import torch
from attrs import frozen
from torch import Tensor

from nepforge.data.batch import Batch, make_batch
from nepforge.data.formats.detect import file_format
from nepforge.data.formats.read import read_frames
from nepforge.data.formats.table import BY_NAME, Format
from nepforge.data.formats.write import write_frames
from nepforge.data.frame import Frame
from nepforge.data.neighbors import find_neighbors
from nepforge.engine.call import call_stage, read_metrics
from nepforge.errors import DataError, DivergenceError, InterruptedRunError
from nepforge.models.potential import Potential, Prediction
from nepforge.plan.kinds import StageKind
from nepforge.plan.stage import Stage
from nepforge.quantities import QUANTITIES
from nepforge.recipe.tables import Optimizer
from nepforge.stages.context import StageContext
from nepforge.train.metrics import ErrorSums
from nepforge.train.observations import observation_weights
from nepforge.train.steppers import STEPPERS, Stepper

STEP = 1.0e-5
DERIVATIVE_TOLERANCE = 1.0e-7  # central differences of step STEP, values of the order of one
EXACT = 1.0e-10
MakeFrame = Callable[..., Frame]


# ------------------------------------------------------------------------------------- potentials


@frozen(eq=False)
class Sample:
    """A potential with random numbers; energies and their derivatives are of the order of one."""

    model: Potential
    parameters: Tensor
    scaler: Tensor

    def batch(self, frames: Sequence[Frame]) -> Batch:
        species, cutoff = self.model.species, self.model.neighbor_cutoff
        return make_batch(frames, [find_neighbors(f, species, cutoff) for f in frames])

    def predict(self, frames: Sequence[Frame]) -> tuple[Prediction, Batch]:
        batch = self.batch(frames)
        return self.model.predict(self.parameters, self.scaler, batch), batch

    def energy(self, frame: Frame) -> float:
        return float(self.predict([frame])[0].energy[0])


def check_potential(sample: Sample, make_frame: MakeFrame) -> None:
    """Every claim about potentials, for frames of the species of the sample."""
    for claim in POTENTIAL_CLAIMS:
        claim(sample, make_frame)


def forces_are_minus_the_energy_gradient(sample: Sample, make_frame: MakeFrame) -> None:
    """F = -dU/dr by central differences, for every atom of a two-frame batch."""
    frames = [make_frame(1), make_frame(2, 5)]
    prediction, batch = sample.predict(frames)
    forces = batch.to_source_order(prediction.forces)[: frames[0].n_atoms]
    for atom in range(frames[0].n_atoms):
        for c in range(3):
            energies = []
            for sign in (1, -1):
                positions = frames[0].positions.copy()
                positions[atom, c] += sign * STEP
                energies.append(sample.energy(attrs.evolve(frames[0], positions=positions)))
            slope = (energies[0] - energies[1]) / (2 * STEP)
            assert float(forces[atom, c]) == pytest.approx(-slope, abs=DERIVATIVE_TOLERANCE)


def the_virial_is_minus_the_strain_derivative(sample: Sample, make_frame: MakeFrame) -> None:
    """W = -dU/dstrain, all nine components, symmetric."""
    frame = make_frame(3)
    virial = sample.predict([frame])[0].virial[0]
    for a in range(3):
        for c in range(3):
            energies = []
            for sign in (1, -1):
                strain = np.eye(3)
                strain[a, c] += sign * STEP
                moved = attrs.evolve(
                    frame, positions=frame.positions @ strain, cell=frame.cell @ strain
                )
                energies.append(sample.energy(moved))
            slope = (energies[0] - energies[1]) / (2 * STEP)
            tolerance = DERIVATIVE_TOLERANCE * max(1.0, float(virial.abs().max()))
            assert float(virial[a, c]) == pytest.approx(-slope, abs=tolerance)
    torch.testing.assert_close(virial, virial.mT, rtol=0, atol=EXACT)


def the_energy_is_invariant(sample: Sample, make_frame: MakeFrame) -> None:
    """Translation, rotation and permutation change nothing; a supercell multiplies the energy."""
    frame = make_frame(4)
    reference = sample.energy(frame)
    rng = np.random.default_rng(0)
    rotation, _ = np.linalg.qr(rng.normal(size=(3, 3)))
    order = rng.permutation(frame.n_atoms)
    shifted = attrs.evolve(frame, positions=frame.positions + np.array([0.3, -7.0, 2.0]))
    rotated = attrs.evolve(frame, positions=frame.positions @ rotation, cell=frame.cell @ rotation)
    permuted = attrs.evolve(
        frame, positions=frame.positions[order], numbers=frame.numbers[order], forces=None
    )
    doubled = Frame(
        numbers=np.tile(frame.numbers, 2),
        positions=np.concatenate([frame.positions, frame.positions + frame.cell[1]]),
        cell=frame.cell * np.array([[1.0], [2.0], [1.0]]),
    )
    for other in (shifted, rotated, permuted):
        assert sample.energy(other) == pytest.approx(reference, abs=EXACT)
    assert sample.energy(doubled) == pytest.approx(2 * reference, abs=EXACT)


def predictions_add_up(sample: Sample, make_frame: MakeFrame) -> None:
    """The energy of a frame is the sum over its atoms; everything is float64 and of its shape."""
    frames = [make_frame(10), make_frame(11, 3)]
    prediction, batch = sample.predict(frames)
    n_atoms = sum(frame.n_atoms for frame in frames)
    shapes = {"atomic_energy": (n_atoms,), "energy": (2,), "forces": (n_atoms, 3)}
    for name, shape in (shapes | {"virial": (2, 3, 3)}).items():
        values = getattr(prediction, name)
        assert (values.shape, values.dtype) == (shape, torch.float64), name
    sums = batch.sum_by_frame(prediction.atomic_energy)
    torch.testing.assert_close(prediction.energy, sums, rtol=0, atol=EXACT)
    net_force = batch.sum_by_frame(prediction.forces)
    torch.testing.assert_close(net_force, torch.zeros_like(net_force), rtol=0, atol=EXACT)


def frames_of_a_batch_do_not_feel_each_other(sample: Sample, make_frame: MakeFrame) -> None:
    """Frames of different sizes give the same numbers alone and together."""
    frames = [make_frame(5), make_frame(6, 4), make_frame(7, 8)]
    together, batch = sample.predict(frames)
    forces = batch.to_source_order(together.forces).split([frame.n_atoms for frame in frames])
    for idx, frame in enumerate(frames):
        alone, own = sample.predict([frame])
        torch.testing.assert_close(together.energy[idx], alone.energy[0], rtol=0, atol=EXACT)
        torch.testing.assert_close(
            forces[idx], own.to_source_order(alone.forces), rtol=0, atol=EXACT
        )
        torch.testing.assert_close(together.virial[idx], alone.virial[0], rtol=0, atol=EXACT)


def a_pair_at_the_cutoff_is_not_felt(sample: Sample, make_frame: MakeFrame) -> None:
    """Energy and forces go to those of two lone atoms as their distance reaches the cutoff."""
    forces, energies = [], []
    numbers = np.repeat(make_frame(12).numbers[:1], 2)
    for distance in (1.0 - 1e-5, 1.0 + 1e-5):
        positions = np.array([[0.0, 0.0, 0.0], [distance * sample.model.neighbor_cutoff, 0.0, 0.0]])
        pair = Frame(numbers, positions, np.zeros((3, 3)), pbc=(False, False, False))
        prediction, _ = sample.predict([pair])
        forces.append(float(prediction.forces.abs().max()))
        energies.append(float(prediction.energy[0]))
    assert forces[1] == 0.0
    assert forces[0] < 1e-3
    assert energies[0] == pytest.approx(energies[1], abs=1e-6)


def rows_are_slopes_along_the_parameters(sample: Sample, make_frame: MakeFrame) -> None:
    """Rows times a direction of the parameters, by central differences of U, v.u, s.F and e:W."""
    batch = sample.batch([make_frame(8), make_frame(9, 5)])
    n_atoms = int(batch.n_atoms.sum())
    rng = torch.Generator().manual_seed(5)

    def random(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=rng, dtype=torch.float64)

    direction = random(sample.model.n_parameters)
    displacements, strains = random(2, n_atoms, 3), random(2, 2, 3, 3)
    weights = random(2, n_atoms)
    values = []
    for sign in (1, -1):
        parameters = sample.parameters + sign * STEP * direction
        found = sample.model.predict(parameters, sample.scaler, batch)
        along = batch.sum_by_frame((displacements * found.forces).sum(dim=-1).mT).mT
        weighed = batch.sum_by_frame((weights * found.atomic_energy).mT).mT
        strained = -(strains * found.virial).sum(dim=(-1, -2))
        values.append(torch.cat([found.energy[None], -along, strained, weighed]))
    slopes = (values[0] - values[1]) / (2 * STEP)
    linearised = sample.model.linearise(sample.parameters, sample.scaler, batch)
    rows = torch.cat(
        [
            linearised.energy_rows()[None],
            linearised.displacement_rows(displacements),
            linearised.strain_rows(strains),
            linearised.atomic_energy_rows(weights),
        ]
    )
    torch.testing.assert_close(rows @ direction, slopes, rtol=1e-6, atol=1e-6)


def parameter_groups_cover_the_parameters(sample: Sample, _make_frame: MakeFrame) -> None:
    """The layers of the Kalman filter are all of the vector, each under a name of its own."""
    groups = dict(sample.model.parameter_groups())
    assert len(groups) == len(sample.model.parameter_groups())
    assert sum(groups.values()) == sample.model.n_parameters == len(sample.parameters)


def the_scaler_of_data_has_its_shape(sample: Sample, make_frame: MakeFrame) -> None:
    """Positive and finite, whatever the frames hold."""
    frame = make_frame(1)
    lone = Frame(frame.numbers[:1], np.zeros((1, 3)), np.zeros((3, 3)), pbc=(False, False, False))
    for frames in ([frame, make_frame(2, 5)], [lone]):
        scaler = sample.model.find_scaler([sample.batch(frames)])
        assert scaler.shape == sample.model.scaler_shape
        assert bool((scaler > 0).all() and scaler.isfinite().all())


POTENTIAL_CLAIMS = (
    forces_are_minus_the_energy_gradient,
    the_virial_is_minus_the_strain_derivative,
    the_energy_is_invariant,
    predictions_add_up,
    frames_of_a_batch_do_not_feel_each_other,
    a_pair_at_the_cutoff_is_not_felt,
    rows_are_slopes_along_the_parameters,
    parameter_groups_cover_the_parameters,
    the_scaler_of_data_has_its_shape,
)


# ---------------------------------------------------------------------------------------- steppers


@frozen(eq=False)
class Task:
    """What a stepper is given: a potential with first parameters and labelled frames to learn."""

    sample: Sample
    batches: Sequence[Batch]
    table: Optimizer
    steppers: Mapping[type, Callable[[Potential, Tensor, Tensor, Any], Stepper]] = STEPPERS

    def stepper(self) -> Stepper:
        sample = self.sample
        make = self.steppers[type(self.table)]
        return make(sample.model, sample.parameters.clone(), sample.scaler, self.table)

    def train(self, stepper: Stepper, n_epochs: int, rng: torch.Generator) -> None:
        for _ in range(n_epochs):
            for batch in self.batches:
                stepper.step(batch, rng)
            stepper.finish_epoch()

    def error(self, parameters: Tensor) -> float:
        """Sum over the quantities of weight times RMSE."""
        sums = ErrorSums()
        for batch in self.batches:
            sums.add(batch, self.sample.model.predict(parameters, self.sample.scaler, batch))
        found = sums.report("all")
        weights = observation_weights(self.table.weights)
        return sum(weights[q.name] * found.get(f"all_{q.metric}", 0.0) for q in QUANTITIES)


def check_stepper(task: Task) -> None:
    """Every claim about steppers."""
    for claim in STEPPER_CLAIMS:
        claim(task)


def it_lowers_the_errors(task: Task) -> None:
    """The weighted error after twenty epochs is below that of the first parameters."""
    stepper = task.stepper()
    task.train(stepper, 20, torch.Generator().manual_seed(1))
    assert task.error(stepper.parameters) < 0.8 * task.error(task.sample.parameters)


def a_step_returns_what_was_predicted_before_it(task: Task) -> None:
    """So that errors of the training set cost nothing."""
    stepper = task.stepper()
    before = stepper.parameters.clone()
    found = stepper.step(task.batches[0], torch.Generator().manual_seed(1))
    expected = task.sample.model.predict(before, task.sample.scaler, task.batches[0])
    torch.testing.assert_close(found.energy, expected.energy, rtol=0, atol=EXACT)
    torch.testing.assert_close(found.forces, expected.forces, rtol=0, atol=EXACT)
    assert not torch.equal(stepper.parameters, before)


def its_state_is_all_that_it_remembers(task: Task) -> None:
    """A new stepper with the state of another one goes on with the same bits."""
    first, second = task.stepper(), task.stepper()
    task.train(first, 2, torch.Generator().manual_seed(1))
    saved = {name: value.clone() for name, value in first.state().items()}
    second.restore(saved)
    for stepper in (first, second):
        task.train(stepper, 2, torch.Generator().manual_seed(2))
    assert torch.equal(first.parameters, second.parameters)
    assert first.state().keys() == second.state().keys()


def the_same_seed_gives_the_same_bits(task: Task) -> None:
    """Nothing is drawn but from the generator."""
    first, second = task.stepper(), task.stepper()
    for stepper in (first, second):
        task.train(stepper, 2, torch.Generator().manual_seed(1))
    assert torch.equal(first.parameters, second.parameters)


def what_is_not_finite_is_refused(task: Task) -> None:
    """Divergence names the atom, and the advice names a key of the recipe."""
    stepper = task.stepper()
    stepper.parameters[0] = float("inf")
    with pytest.raises(DivergenceError):
        stepper.step(task.batches[0], torch.Generator().manual_seed(1))
    key = re.search(r"optimizer\.(\w+)", stepper.advice)
    assert key
    assert hasattr(task.table, key[1])


def frames_without_labels_teach_nothing(task: Task) -> None:
    """The parameters stay finite."""
    batch = task.batches[0]
    missing = {q.field: torch.full_like(getattr(batch, q.field), torch.nan) for q in QUANTITIES}
    stepper = task.stepper()
    stepper.step(attrs.evolve(batch, **missing), torch.Generator().manual_seed(1))
    assert bool(stepper.parameters.isfinite().all())


STEPPER_CLAIMS = (
    it_lowers_the_errors,
    a_step_returns_what_was_predicted_before_it,
    its_state_is_all_that_it_remembers,
    the_same_seed_gives_the_same_bits,
    what_is_not_finite_is_refused,
    frames_without_labels_teach_nothing,
)


# ------------------------------------------------------------------------------------ data formats


@frozen
class DataSample:
    """A small file or folder of one format.

    `species` name types where the format has numbers; `is_counted` is false for a format that does
    not say how many atoms follow, so that nobody sees the last ones missing.
    """

    path: Path
    format: str
    species: tuple[str, ...] = ()
    is_counted: bool = True

    @property
    def row(self) -> Format:
        return BY_NAME[self.format]

    @property
    def is_text(self) -> bool:
        return self.path.is_file() and not self.row.is_binary

    def frames(self, path: Path | None = None) -> list[Frame]:
        return read_frames(path or self.path, self.format, species=self.species)


def check_reader(sample: DataSample, folder: Path) -> None:
    """Every claim about readers; `folder` is empty, for files made from the sample."""
    for claim in READER_CLAIMS:
        scratch = folder / claim.__name__
        scratch.mkdir()
        claim(sample, scratch)


def frames_are_whole(sample: DataSample, _folder: Path) -> None:
    """Every label has the shape that its frame wants, and a source that names file and frame."""
    frames = sample.frames()
    assert frames
    for frame in frames:
        n = frame.n_atoms
        assert frame.positions.shape == (n, 3)
        assert frame.cell.shape == (3, 3)
        assert frame.forces is None or frame.forces.shape == (n, 3)
        assert frame.atomic_energy is None or frame.atomic_energy.shape == (n,)
        assert frame.virial is None or np.abs(frame.virial - frame.virial.T).max() < EXACT
        assert sample.path.name in frame.source
    assert len({frame.source for frame in frames}) == len(frames)


def the_content_tells_the_format(sample: DataSample, folder: Path) -> None:
    """Under a name that says nothing, where the row has a mark."""
    if sample.path.is_file() and sample.row.mark:
        unnamed = shutil.copy(sample.path, folder / "unnamed")
        assert file_format(Path(unnamed)) == sample.format


def the_packaging_does_not_matter(sample: DataSample, folder: Path) -> None:
    """gzip and line ends of Windows give the same frames."""
    if not sample.is_text:
        return
    content = sample.path.read_bytes()
    (folder / "packed").write_bytes(gzip.compress(content))
    (folder / "windows").write_bytes(content.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n"))
    for name in ("packed", "windows"):
        assert_same_frames(sample.frames(folder / name), sample.frames())


def a_damaged_file_gives_no_other_numbers(sample: DataSample, folder: Path) -> None:
    """Cut between words: an error, or frames that the whole file has too.

    (No reader sees that the last number of a file has lost digits.)
    """
    if not sample.is_text or not sample.is_counted:
        return
    content, whole = sample.path.read_bytes(), sample.frames()
    ends = [match.start() for match in re.finditer(rb"\s", content)]
    for end in ends[:: max(1, len(ends) // 40)]:
        cut = folder / "cut"
        cut.write_bytes(content[:end])
        try:
            found = sample.frames(cut)
        except DataError:
            continue
        assert len(found) <= len(whole)
        for frame, other in zip(found, whole, strict=False):
            assert_no_other_numbers(frame, other)


def nothing_is_no_data(sample: DataSample, folder: Path) -> None:
    """An empty file, an empty folder, a file of noise: an error that names it."""
    made = folder / "made"
    contents = [b"", bytes(np.random.default_rng(1).integers(0, 256, 3000, dtype=np.uint8))]
    if sample.path.is_dir():
        made.mkdir()
        contents = [b""]
    for content in contents:
        if not made.is_dir():
            made.write_bytes(content)
        with pytest.raises(DataError, match="made"):
            sample.frames(made)


def what_is_written_is_read(sample: DataSample, folder: Path) -> None:
    """Labels exactly, positions to rounding; where the row has a writer."""
    if not sample.row.write:
        return
    made = folder / f"made{sample.row.suffixes[0] if sample.row.suffixes else ''}"
    frames = sample.frames()
    write_frames(made, sample.format, frames)
    assert_same_frames(sample.frames(made), frames)


READER_CLAIMS = (
    frames_are_whole,
    the_content_tells_the_format,
    the_packaging_does_not_matter,
    a_damaged_file_gives_no_other_numbers,
    nothing_is_no_data,
    what_is_written_is_read,
)


def assert_same_frames(found: Sequence[Frame], expected: Sequence[Frame]) -> None:
    """As many frames, each with the same numbers and the same labels missing."""
    assert len(found) == len(expected)
    for frame, other in zip(found, expected, strict=True):
        assert_no_other_numbers(frame, other)
        for q in QUANTITIES:
            assert (getattr(frame, q.field) is None) == (getattr(other, q.field) is None)


def assert_no_other_numbers(frame: Frame, other: Frame) -> None:
    """The same structure, and the same numbers in every label that the first frame has."""
    np.testing.assert_array_equal(frame.numbers, other.numbers)
    np.testing.assert_allclose(frame.positions, other.positions, rtol=0, atol=1e-12)
    np.testing.assert_array_equal(frame.cell, other.cell)
    for q in QUANTITIES:
        if getattr(frame, q.field) is not None:
            np.testing.assert_array_equal(getattr(frame, q.field), getattr(other, q.field))


# ------------------------------------------------------------------------------------------ stages


@frozen
class StageSample:
    """A stage of a plan, with the files that the stages before it wrote."""

    stage: Stage
    kind: StageKind
    inputs: Mapping[str, Path]

    def run(
        self, folder: Path, stopping: Callable[[], bool] = lambda: False, state: str = "state"
    ) -> Path:
        """Run it in a new folder of `folder`; where its outputs are."""
        out = folder / f"out{len(list(folder.glob('out*')))}"
        for made in (out, folder / state):
            made.mkdir(exist_ok=True)
        ctx = StageContext(self.stage.name, out, folder / state, 1, lambda _: None, stopping)
        call_stage(self.kind.function, self.stage, self.inputs, ctx, folder / "traceback.txt")
        return out


def check_stage(sample: StageSample, folder: Path) -> None:
    """Every claim about stages; `folder` is empty."""
    for claim in STAGE_CLAIMS:
        scratch = folder / claim.__name__
        scratch.mkdir()
        claim(sample, scratch)


def it_writes_the_same_bytes_again(sample: StageSample, folder: Path) -> None:
    """But for files that are marked as volatile; and only where it may write."""
    before = _bytes_of(sample.inputs.values())
    first, second = sample.run(folder, state="one"), sample.run(folder, state="two")
    assert _stable(first, sample.kind) == _stable(second, sample.kind) != {}
    assert _bytes_of(sample.inputs.values()) == before
    assert {path.name for path in folder.iterdir()} == {"out0", "out1", "one", "two"}


def its_metrics_are_finite_numbers(sample: StageSample, folder: Path) -> None:
    """metrics.json is what the engine can record."""
    assert all(np.isfinite(list(read_metrics(sample.stage.name, sample.run(folder)).values())))


def it_goes_on_after_an_interruption(sample: StageSample, folder: Path) -> None:
    """Stopped at once and run again, it writes the bytes of an undisturbed run."""
    straight = sample.run(folder, state="straight")
    asked: list[bool] = []

    def after_a_moment() -> bool:
        asked.append(True)
        return len(asked) > 1

    with suppress(InterruptedRunError):  # a short stage ends before it is asked
        sample.run(folder, after_a_moment)
    again = sample.run(folder)
    assert _stable(again, sample.kind) == _stable(straight, sample.kind)


STAGE_CLAIMS = (
    it_writes_the_same_bytes_again,
    its_metrics_are_finite_numbers,
    it_goes_on_after_an_interruption,
)


def _bytes_of(paths: Iterable[Path]) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in paths if path.is_file()}


def _stable(out: Path, kind: StageKind) -> dict[str, bytes]:
    """Name -> bytes of the outputs that two builds must not differ in."""
    files = {path.relative_to(out).as_posix(): path for path in out.rglob("*") if path.is_file()}
    return {
        name: path.read_bytes()
        for name, path in files.items()
        if not any(fnmatch(name, pattern) for pattern in kind.volatile)
    }
