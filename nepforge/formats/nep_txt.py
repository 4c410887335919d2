"""NEP as text: GPUMD's `nep3`, `nep4` and `nep5`, and the LAMMPS layout with a bias per element.

NEP_FORMAT.md beside this file describes the format. It is read by the C++ core alone
(`lammps_pair/core/nep_model.cpp`) and written here. Our parameters map one to one, except that

- c[n, k, t, t'] is stored with n slowest, then k, then t (centre), then t' (neighbour);
- `nep4` has one output bias for all elements: the mean of ours weighted by a composition. Total
  energies are then right for that composition alone; forces and virials are exact;
- `nep5` has a bias per element behind each network and a common one, zero when we write it;
- the LAMMPS layout is `nep4` with the biases of all elements where the common one stands;
- `nep3` has one network for all elements; read, it is the same network for each.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import compress
from pathlib import Path

import attrs
import numpy as np
import torch

from nepforge.data.frame import FloatArray
from nepforge.formats.neighbor_counts import NeighborCounts
from nepforge.formats.potential_file import NEPModel
from nepforge.models.nep.invariants import INVARIANTS
from nepforge.models.nep.native import NEPHeader
from nepforge.models.nep.network import NEP
from nepforge.models.nep.zbl import N_ROW, ZBL

NUMBER = "{:.16e}"  # 17 digits: float64 survives
FIRST_NEW_INVARIANT = INVARIANTS.index("112")


def trained_of(header: NEPHeader, numbers: FloatArray) -> NEPModel:
    """The model with the numbers that the C++ core has read, in its order, in ours."""
    model = NEP(
        header.species,
        header.cutoff if len(header.cutoff) > 1 else header.cutoff[0],
        header.n_max,
        header.basis_size,
        header.l_max,
        tuple(compress(INVARIANTS, header.invariants)),
        header.neurons,
    )
    n_types = model.n_types
    lengths = [n_types * model.n_network, *model.coefficient_sizes, model.n_descriptor]
    networks, *coefficients, q_scaler, rows = np.split(numbers, np.cumsum(lengths))
    parts = [networks]
    for stored, n_max, basis_size in zip(coefficients, model.n_max, model.basis_size, strict=True):
        by_pair = stored.reshape(n_max + 1, basis_size + 1, n_types, n_types)
        parts.append(by_pair.transpose(2, 0, 3, 1).ravel())
    return NEPModel(
        attrs.evolve(model, zbl=_zbl(header, rows)),
        torch.from_numpy(np.concatenate(parts)),
        torch.from_numpy(q_scaler.copy()),
        None if header.neighbors is None else NeighborCounts(*header.neighbors),
    )


def _zbl(header: NEPHeader, rows: FloatArray) -> ZBL | None:
    if not header.zbl:
        return None
    if rows.size:
        return ZBL(rows=tuple(map(tuple, rows.reshape(-1, N_ROW).tolist())))
    inner, outer, *factor = header.zbl
    return ZBL(inner, outer, factor[0] if factor else None)


def write_nep4(
    path: Path, trained: NEPModel, neighbors: NeighborCounts, composition: Sequence[float]
) -> None:
    """GPUMD's NEP4. `composition` holds the number (or share) of atoms of each species."""
    shares = np.asarray(composition, dtype=np.float64)
    biases = _biases(trained)
    same = bool((biases == biases[0]).all())  # then no rounding: what was read is written back
    common = float(biases[0]) if same else float(shares @ biases / shares.sum())
    networks = [_network(trained, t) for t in range(trained.model.n_types)]
    _write(path, 4, trained, neighbors, [*networks, np.array([common])])


def write_nep5(path: Path, trained: NEPModel, neighbors: NeighborCounts) -> None:
    """NEP5 as GPUMD's gnep writes it."""
    biases = _biases(trained)
    networks = [np.append(_network(trained, t), biases[t]) for t in range(trained.model.n_types)]
    _write(path, 5, trained, neighbors, [*networks, np.zeros(1)])


def write_lammps(path: Path, trained: NEPModel, neighbors: NeighborCounts) -> None:
    """The layout of PWMLFF's nep_to_lmps.txt."""
    path.write_text(lammps_text(trained, neighbors), encoding="ascii")


def lammps_text(trained: NEPModel, neighbors: NeighborCounts) -> str:
    """The LAMMPS layout as text: every number of the model, so that any code can take it over."""
    networks = [_network(trained, t) for t in range(trained.model.n_types)]
    return _text(4, trained, neighbors, [*networks, _biases(trained)])


def _network(trained: NEPModel, type_idx: int) -> FloatArray:
    """w0 (neuron by neuron), b0, w1 of one species."""
    weights = trained.model.views(trained.parameters)
    parts = (weights.w0[type_idx].flatten(), weights.b0[type_idx], weights.w1[type_idx])
    return np.concatenate([part.numpy() for part in parts])


def _biases(trained: NEPModel) -> FloatArray:
    result: FloatArray = trained.model.views(trained.parameters).bias.numpy()
    return result


def _coefficients(trained: NEPModel) -> list[FloatArray]:
    """c in file order, radial then angular."""
    model = trained.model
    weights = trained.model.views(trained.parameters)
    parts = []
    for ours in (weights.c_radial, weights.c_angular):
        by_pair = ours.unflatten(2, (model.n_types, -1))  # [T, n, T', k]
        parts.append(by_pair.permute(1, 3, 0, 2).flatten().numpy())
    return parts


def _write(
    path: Path,
    version: int,
    trained: NEPModel,
    neighbors: NeighborCounts,
    networks: Sequence[FloatArray],
) -> None:
    path.write_text(_text(version, trained, neighbors, networks), encoding="ascii")


def _text(
    version: int, trained: NEPModel, neighbors: NeighborCounts, networks: Sequence[FloatArray]
) -> str:
    zbl = trained.model.zbl
    rows = np.array(zbl.rows).ravel() if zbl is not None else np.empty(0)
    parts = [*networks, *_coefficients(trained), trained.q_scaler.numpy(), rows]
    header = format_header(version, trained.model, neighbors)
    return "\n".join([*header, *map(NUMBER.format, np.concatenate(parts))]) + "\n"


def format_header(version: int, model: NEP, neighbors: NeighborCounts) -> list[str]:
    """The lines before the numbers."""
    zbl = []
    if model.zbl is not None:
        parts = [0, 0] if model.zbl.rows else [model.zbl.inner, model.zbl.outer, model.zbl.factor]
        zbl = [f"zbl {' '.join(repr(value) for value in parts if value is not None)}"]
    cutoff, *sizes = size_records(model)
    return [
        f"nep{version}{'_zbl' * len(zbl)} {species_record(model)}",
        *zbl,
        f"{cutoff} {neighbors.radial} {neighbors.angular}",
        *sizes,
        f"ANN {model.neurons} 0",
    ]


def species_record(model: NEP) -> str:
    """Number and symbols of the species."""
    return f"{model.n_types} {' '.join(model.species)}"


def size_records(model: NEP) -> list[str]:
    """cutoff, n_max, basis_size and l_max: the same words in nep.txt, which adds the neighbour
    counts, and in nep.in, which GPUMD compares with it before it trains a model further."""
    cutoffs = model.cutoffs if isinstance(model.cutoff[0], tuple) else model.cutoffs[:1]
    numbers = " ".join(repr(float(value)) for pair in cutoffs for value in pair)
    return [
        f"cutoff {numbers}",
        f"n_max {model.n_max[0]} {model.n_max[1]}",
        f"basis_size {model.basis_size[0]} {model.basis_size[1]}",
        f"l_max {model.l_max} {' '.join(map(str, invariant_flags(model)))}",
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
