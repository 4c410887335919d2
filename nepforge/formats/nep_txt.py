"""NEP as text: GPUMD's `nep3`, `nep4` and `nep5`, and the LAMMPS layout with a bias per element.

The only place that knows the order of the numbers and the sign of the biases (spec: GPUMD,
nep.txt); `nep_header` knows the lines before them. Our parameters map one to one, except that

- c[n, k, t, t'] is stored with n slowest, then k, then t (centre), then t' (neighbour);
- `nep4` has one output bias for all elements: the mean of ours weighted by a composition. Total
  energies are then right for that composition alone; forces and virials are exact;
- `nep5` has a bias per element behind each network and a common one, zero when we write it;
- the LAMMPS layout is `nep4` with the biases of all elements where the common one stands;
- `nep3` has one network for all elements; read, it is the same network for each.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import attrs
import numpy as np
import torch
from attrs import frozen

from nepforge.data.frame import FloatArray
from nepforge.errors import ModelFileError
from nepforge.formats.checkpoint_file import NEPModel
from nepforge.formats.neighbor_counts import NeighborCounts
from nepforge.formats.nep_header import (
    BLANKS,
    FLEXIBLE,
    Header,
    TextLines,
    format_header,
    parse_number,
    read_header,
)
from nepforge.formats.text_file import read_ascii
from nepforge.models.nep.network import NEP
from nepforge.models.nep.zbl import N_ROW

NUMBER = "{:.16e}"  # 17 digits: float64 survives


@frozen(eq=False)
class NEPText:
    """What a text file held."""

    layout: str  # nep3, nep4, nep5 or lammps
    trained: NEPModel

    @property
    def neighbors(self) -> NeighborCounts:
        """The neighbour counts that every layout of this model gets."""
        return self.trained.counts


def read_nep_text(path: Path) -> NEPText:
    """Read any of the layouts; the number of lines is checked for each.

    Raises:
        ModelFileError: The file is missing, damaged, or a kind of model that is not evaluated
            (charges, dipoles, polarizabilities, temperature, van der Waals, two hidden layers);
            says line, what was found and what was expected.
    """
    try:
        content = read_ascii(path)
    except OSError as error:
        raise ModelFileError(
            f"{path}: found no file that can be read, expected a NEP text file"
        ) from error
    text = TextLines.of(path, content)
    if not text.lines:
        text.fail("found an empty file, expected a NEP text file", 1)
    header = read_header(text)
    numbers = _read_numbers(text)
    layout = _find_layout(text, header, len(numbers))
    return _assemble(text, header, layout, numbers)


def _read_numbers(text: TextLines) -> FloatArray:
    """All numbers after the header, one on each line."""
    numbers = np.empty(len(text.lines) - text.number)
    for idx, line in enumerate(text.lines[text.number :]):
        value = parse_number(line.strip(BLANKS))
        if value is None:
            text.number += idx + 1
            text.fail_here("one finite number on the line")
        numbers[idx] = value
    return numbers


def _expected_numbers(header: Header, n_last_biases: int) -> int:
    """How many numbers belong after the header."""
    model = header.model
    network = (model.n_descriptor + 2) * model.neurons + int(header.version == 5)
    n_networks = 1 if header.version == 3 else model.n_types
    n_flexible = N_ROW * model.n_types * (model.n_types + 1) // 2 * int(header.zbl == FLEXIBLE)
    coefficients = sum(model.coefficient_sizes)
    return network * n_networks + n_last_biases + coefficients + model.n_descriptor + n_flexible


def _find_layout(text: TextLines, header: Header, found: int) -> str:
    """nep4 comes with one common bias (GPUMD) or one for each species (nep_to_lmps.txt); the header
    is the same and only the count tells them apart."""
    n_types = header.model.n_types
    common = _expected_numbers(header, 1)
    if found == common:
        return f"nep{header.version}"
    expected, most = str(common), common
    if header.version == 4 and n_types > 1:
        most = _expected_numbers(header, n_types)
        expected += f" (one common output bias) or {most} (one output bias for each species)"
        if found == most:
            return "lammps"
    return text.fail(
        f"found {found} numbers after the header, expected {expected}",
        header.n_lines + 1 + min(found, most),
    )


def _assemble(text: TextLines, header: Header, layout: str, numbers: FloatArray) -> NEPText:
    """Put the numbers of the file in our order."""
    model, n_types = header.model, header.model.n_types
    n_inner = (model.n_descriptor + 2) * model.neurons
    n_own = n_inner + int(layout == "nep5")
    n_networks = 1 if layout == "nep3" else n_types
    n_last = n_types if layout == "lammps" else 1
    lengths = [n_networks * n_own, n_last, *model.coefficient_sizes, model.n_descriptor]
    networks, last, *coefficients, q_scaler, rows = np.split(numbers, np.cumsum(lengths))
    own = np.broadcast_to(networks.reshape(n_networks, n_own), (n_types, n_own))
    bias = np.broadcast_to(last, n_types) + (own[:, -1] if layout == "nep5" else 0.0)
    parts = [np.column_stack([own[:, :n_inner], bias]).ravel()]
    for stored, n_max, basis_size in zip(coefficients, model.n_max, model.basis_size, strict=True):
        by_pair = stored.reshape(n_max + 1, basis_size + 1, n_types, n_types)
        parts.append(by_pair.transpose(2, 0, 3, 1).ravel())
    trained = NEPModel(
        _with_zbl(text, header, rows),
        torch.from_numpy(np.concatenate(parts)),
        torch.from_numpy(q_scaler.copy()),
        header.neighbors,
    )
    return NEPText(layout, trained)


def _with_zbl(text: TextLines, header: Header, rows: FloatArray) -> NEP:
    """The model with the rows of a flexible ZBL; every range is checked."""
    model, zbl = header.model, header.zbl
    if zbl is None:
        return model
    if zbl == FLEXIBLE:
        zbl = attrs.evolve(zbl, rows=tuple(map(tuple, rows.reshape(-1, N_ROW).tolist())))
    try:
        return attrs.evolve(model, zbl=zbl)
    except ValueError as error:
        text.fail(f"found {error}", header.zbl_line)


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
