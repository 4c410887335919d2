"""NEP as text: GPUMD's `nep4` and `nep5`, and the LAMMPS layout with one bias per element.

The only place that knows the order of the numbers, the flags of the l_max line and the sign of the
biases (spec: GPUMD, nep.txt). Our parameters map one to one, except that

- c[n, k, t, t'] is stored with n slowest, then k, then t (centre), then t' (neighbour);
- `nep4` has one output bias for all elements: the mean of ours weighted by a composition. Total
  energies are then right for that composition alone; forces and virials are exact;
- `nep5` has a bias per element behind each network and a common one of zero;
- the LAMMPS layout is `nep4` with the biases of all elements where the common one stands.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from attrs import frozen

from nepforge.data.frame import FloatArray
from nepforge.formats.checkpoint_file import NEPModel
from nepforge.models.invariants import INVARIANTS
from nepforge.models.nep import NEP

FIRST_NEW_INVARIANT = INVARIANTS.index("112")
NUMBER = "{:.16e}"  # 17 digits: float64 survives


@frozen
class NeighborCounts:
    """Largest numbers of neighbours met in training, (radial, angular): memory hints of GPUMD."""

    radial: int
    angular: int


def write_nep4(
    path: Path, trained: NEPModel, neighbors: NeighborCounts, composition: Sequence[float]
) -> None:
    """GPUMD's NEP4. `composition` holds the number (or share) of atoms of each species."""
    shares = np.asarray(composition, dtype=np.float64)
    common = float(shares @ _biases(trained) / shares.sum())
    networks = [_network(trained, t) for t in range(trained.model.n_types)]
    _write(path, "nep4", trained, neighbors, [*networks, np.array([common])])


def write_nep5(path: Path, trained: NEPModel, neighbors: NeighborCounts) -> None:
    """NEP5 as GPUMD's gnep writes it."""
    biases = _biases(trained)
    networks = [np.append(_network(trained, t), biases[t]) for t in range(trained.model.n_types)]
    _write(path, "nep5", trained, neighbors, [*networks, np.zeros(1)])


def write_lammps(path: Path, trained: NEPModel, neighbors: NeighborCounts) -> None:
    """The layout of PWMLFF's nep_to_lmps.txt."""
    networks = [_network(trained, t) for t in range(trained.model.n_types)]
    _write(path, "nep4", trained, neighbors, [*networks, _biases(trained)])


def _network(trained: NEPModel, type_idx: int) -> FloatArray:
    """w0 (neuron by neuron), b0, w1 of one species."""
    weights = trained.model.weights(trained.parameters)
    parts = (weights.w0[type_idx].flatten(), weights.b0[type_idx], weights.w1[type_idx])
    return np.concatenate([part.numpy() for part in parts])


def _biases(trained: NEPModel) -> FloatArray:
    result: FloatArray = trained.model.weights(trained.parameters).bias.numpy()
    return result


def _coefficients(trained: NEPModel) -> list[FloatArray]:
    """c in file order, radial then angular."""
    model = trained.model
    weights = trained.model.weights(trained.parameters)
    parts = []
    for ours in (weights.c_radial, weights.c_angular):
        by_pair = ours.unflatten(2, (model.n_types, -1))  # [T, n, T', k]
        parts.append(by_pair.permute(1, 3, 0, 2).flatten().numpy())
    return parts


def _write(
    path: Path,
    token: str,
    trained: NEPModel,
    neighbors: NeighborCounts,
    networks: Sequence[FloatArray],
) -> None:
    numbers = np.concatenate([*networks, *_coefficients(trained), trained.q_scaler.numpy()])
    lines = [*_header(token, trained.model, neighbors), *map(NUMBER.format, numbers)]
    path.write_text("\n".join(lines) + "\n", encoding="ascii")


def _header(token: str, model: NEP, neighbors: NeighborCounts) -> list[str]:
    return [
        f"{token} {model.n_types} {' '.join(model.species)}",
        f"cutoff {model.cutoff[0]!r} {model.cutoff[1]!r} {neighbors.radial} {neighbors.angular}",
        f"n_max {model.n_max[0]} {model.n_max[1]}",
        f"basis_size {model.basis_size[0]} {model.basis_size[1]}",
        f"l_max {model.l_max} {' '.join(map(str, invariant_flags(model)))}",
        f"ANN {model.neurons} 0",
    ]


def invariant_flags(model: NEP) -> list[int]:
    """Flags behind l_max: 222 first, trailing zeros of the newer ones left away.

    The historic flag of 222 is 2. Beside one of the newer invariants a 2 makes NEP_CPU read the
    old format and drop them, so 1 is written there, which all readers understand.
    """
    flags = [int(name in model.invariants) for name in INVARIANTS]
    if any(flags[FIRST_NEW_INVARIANT:]):
        while not flags[-1]:
            flags.pop()
        return flags
    return [2 * flags[0], flags[1]]


# layout of the recipe -> (file name, writer); the composition matters for nep4 alone
LAYOUTS: dict[
    str, tuple[str, Callable[[Path, NEPModel, NeighborCounts, Sequence[float]], None]]
] = {
    "nep4": ("nep4.txt", write_nep4),
    "nep5": ("nep5.txt", lambda path, trained, counts, _: write_nep5(path, trained, counts)),
    "lammps": (
        "nep_to_lmps.txt",
        lambda path, trained, counts, _: write_lammps(path, trained, counts),
    ),
}
