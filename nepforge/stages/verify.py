"""Stage verify: other codes read the exported files and must agree with torch.

The C++ core, which is what LAMMPS runs, reads every layout; calorine (the reference NEP_CPU), when
it is installed, reads nep4. A file that disagrees fails the run before any MD uses it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import ase
import numpy as np
import torch
from ase.geometry import complete_cell

from nepforge.data.frame import FloatArray, Frame, load_frames
from nepforge.data.neighbors import type_indices
from nepforge.errors import StageError
from nepforge.events import Message
from nepforge.formats.open_model import open_nep
from nepforge.formats.potential_file import NEPModel
from nepforge.plan.tables import ExportTable
from nepforge.stages.context import StageContext
from nepforge.stages.evaluate import predict_set
from nepforge.stages.outputs import write_metrics
from nepforge.stages.usefulness import refusal

FORCE_LIMIT = 1.0e-5  # eV/Å
ENERGY_LIMIT = 1.0e-6  # eV/atom
N_FRAMES = 4  # enough to meet every number of the file; the codes are compared in tests

# evaluate(frame) -> total energy in eV, forces [n_atoms, 3] in eV/Å
EnergyAndForces = Callable[[Frame], tuple[float, FloatArray]]


def run(table: ExportTable, inputs: Mapping[str, Path], ctx: StageContext) -> None:
    """Write metrics.json: the largest differences of each file and reader.

    Raises:
        StageError: A file disagrees; or, where MD comes after ("usefulness" is among the inputs),
            the model is no better than none.
    """
    torch.set_num_threads(ctx.threads)
    trained = open_nep(inputs["model"]).trained
    frames = load_frames(inputs["frames"])[:N_FRAMES]
    metrics: dict[str, float] = {}
    for layout in table.export.layouts:
        readers = {"core": _core(inputs[layout])}
        if layout == "nep4" and find_spec("calorine"):
            readers["calorine"] = _calorine(inputs[layout], trained.model.neighbor_cutoff)
        for reader, evaluate in readers.items():
            where = f"{inputs[layout].name} read by {reader}"
            force, energy = _differences(trained, frames, evaluate, shifted=layout == "nep4")
            _refuse(where, force, energy)
            metrics[f"{layout}_{reader}_force_difference"] = force
            metrics[f"{layout}_{reader}_energy_difference"] = energy
    if "nep4" in table.export.layouts and not find_spec("calorine"):
        text = "calorine is not installed: nep4.txt was checked by the C++ core alone"
        ctx.emit(Message("info", text, ctx.stage))
    write_metrics(ctx.out, metrics)
    if "usefulness" in inputs:
        _refuse_useless(json.loads(inputs["usefulness"].read_text(encoding="utf-8")))


def _refuse_useless(content: Mapping[str, Any]) -> None:
    """Refuse MD with a useless model, however faithfully it was exported."""
    reason = refusal(content)
    if reason:
        raise StageError(
            f"the model is no better than none, and no MD is run with it: {reason}",
            hint="the training diverged or learned nothing: look at the errors of its epochs, "
            "lower the learning rate or p0_weight, train longer, or look for a wrong label with "
            "`nepforge data check`; without [[md]] and [md_benchmark] the run ends here",
        )


def _core(path: Path) -> EnergyAndForces:
    model = open_nep(path).evaluator()

    def evaluate(frame: Frame) -> tuple[float, FloatArray]:
        result = model.evaluate(frame.numbers, frame.positions, frame.cell, frame.pbc)
        return float(result.energies.sum()), result.forces

    return evaluate


def _calorine(path: Path, cutoff: float) -> EnergyAndForces:
    from calorine.calculators import CPUNEP  # noqa: PLC0415 - optional

    def evaluate(frame: Frame) -> tuple[float, FloatArray]:
        atoms = ase.Atoms(
            numbers=frame.numbers, positions=frame.positions, cell=boxed(frame, cutoff), pbc=True
        )
        atoms.calc = CPUNEP(str(path))
        return float(atoms.get_potential_energy()), atoms.get_forces()

    return evaluate


def boxed(frame: Frame, cutoff: float) -> FloatArray:
    """A periodic cell in which the atoms have the neighbours that they have in the frame, [3, 3] Å.

    For a code that knows periodic cells alone: directions that are not periodic get a vector
    normal to the others, so long that images are beyond the cutoff.
    """
    cell = np.where(np.array(frame.pbc)[:, None], frame.cell, 0.0)
    complete: FloatArray = np.array(complete_cell(cell))
    for idx in (idx for idx, periodic in enumerate(frame.pbc) if not periodic):
        normal = complete[idx] / np.linalg.norm(complete[idx])
        extent = float(np.ptp(frame.positions @ normal))
        complete[idx] = (extent + 1.01 * cutoff) * normal
    return complete


def _differences(
    trained: NEPModel, frames: Sequence[Frame], evaluate: EnergyAndForces, *, shifted: bool
) -> tuple[float, float]:
    """Largest differences in force (eV/Å) and energy per atom (eV).

    With `shifted` (nep4) the energies are first moved by the documented rule: the biases of the
    elements give way to the one bias that the file holds, which one frame determines.
    """
    torch_results = predict_set(trained, frames)
    ends = np.cumsum([frame.n_atoms for frame in frames])
    biases = trained.model.views(trained.parameters).bias.numpy()
    force = 0.0
    energies = []
    for idx, frame in enumerate(frames):
        energy, forces = evaluate(frame)
        expected = torch_results.prediction["forces"][ends[idx] - frame.n_atoms : ends[idx]]
        force = max(force, float(np.abs(forces - expected).max()))
        ours = float(torch_results.prediction["energy"][idx])
        if shifted:
            ours += float(biases[type_indices(frame, trained.model.species)].mean())
        energies.append(energy / frame.n_atoms - ours)
    if shifted:
        energies = [energy - energies[0] for energy in energies]
    return force, float(np.abs(energies).max())


def _refuse(where: str, force: float, energy: float) -> None:
    if force > FORCE_LIMIT or energy > ENERGY_LIMIT:
        raise StageError(
            f"{where}: differs from torch by {force:.1e} eV/Å and {energy:.1e} eV/atom, allowed "
            f"are {FORCE_LIMIT:.0e} and {ENERGY_LIMIT:.0e}",
            hint="do not use the exported files; please report this with the recipe",
        )
