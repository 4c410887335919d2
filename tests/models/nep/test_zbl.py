"""The ZBL repulsion: its three kinds, its slope, and its part in energies, forces and virials."""

from collections.abc import Callable

import numpy as np
import pytest
import torch

from nepforge.data.batch import make_batch
from nepforge.data.frame import Frame
from nepforge.data.neighbors import find_neighbors
from nepforge.models.nep.network import NEP
from nepforge.models.nep.tables import tables
from nepforge.models.nep.zbl import ZBL, pair_energy, repulsion
from tests.conftest import SPECIES

EXACT = 1.0e-12
ROWS = tuple((0.5 + 0.1 * k, 2.0 + 0.1 * k, *np.linspace(0.1, 1.5, 8)) for k in range(3))
KINDS = {
    "universal": ZBL(inner=1.0, outer=2.0),
    "type-wise": ZBL(inner=1.0, outer=2.0, factor=0.7),
    "flexible": ZBL(rows=ROWS),
}
PAIR = (torch.tensor([0]), torch.tensor([1]))


@pytest.mark.parametrize("kind", KINDS)
def test_slope_is_the_derivative_of_the_energy(kind: str) -> None:
    """dV/dr equals automatic differentiation from the core to the outer cutoff."""
    zbl = KINDS[kind]
    assert zbl.kind == kind
    table = zbl.pair_table(SPECIES)
    distance = torch.linspace(0.2, float(table.outer[0, 1]) - 1e-6, 50, dtype=torch.float64)
    pair = (torch.zeros(50, dtype=torch.int64), torch.ones(50, dtype=torch.int64))
    _, expected = torch.func.jvp(
        lambda r: pair_energy(table, pair, r)[0], (distance,), (torch.ones_like(distance),)
    )
    found = pair_energy(table, pair, distance)[1]
    torch.testing.assert_close(found, expected, rtol=EXACT, atol=EXACT)


def test_two_nuclei_close_together_feel_their_charges() -> None:
    """V r -> K Z_i Z_j as r -> 0: the universal screening is one there."""
    energy, _ = pair_energy(KINDS["universal"].pair_table(SPECIES), PAIR, torch.tensor([1e-6]))
    assert float(energy) * 1e-6 == pytest.approx(tables().zbl.coulomb * 72 * 8, rel=1e-4)


def test_type_wise_cutoff_is_the_smaller_of_radii_and_outer() -> None:
    """min(factor (R_i + R_j), outer) for each pair, from 0 on."""
    table = KINDS["type-wise"].pair_table(SPECIES)
    assert float(table.outer[1, 1]) == pytest.approx(0.7 * 2 * tables().radii["O"])
    assert float(table.outer[0, 0]) == 2.0
    assert not table.inner.any()


def test_flexible_rows_are_pairs_of_species() -> None:
    """Rows are (Hf, Hf), (Hf, O), (O, O); inner, outer, then amplitude and decay in turn."""
    table = KINDS["flexible"].pair_table(SPECIES)
    assert table.outer[0, 1] == table.outer[1, 0] == ROWS[1][1]
    assert table.amplitude[1, 1].tolist() == [ROWS[2][idx] for idx in (2, 4, 6, 8)]
    assert table.decay[1, 1].tolist() == [ROWS[2][idx] for idx in (3, 5, 7, 9)]


@pytest.mark.parametrize(
    ("zbl", "message"),
    [
        (ZBL(inner=2.0, outer=1.0), "ZBL from 2 to 1 Å for Hf-Hf"),
        (ZBL(inner=1.0, outer=4.5), "outer <= 4"),
        (ZBL(rows=ROWS[:2]), "ZBL of 2 rows, expected 3 rows"),
        (ZBL(rows=tuple(row[:9] for row in ROWS)), "of 10 numbers"),
    ],
)
def test_a_zbl_without_range_or_with_missing_numbers_is_refused(zbl: ZBL, message: str) -> None:
    """Never a silent zero, never a pair beyond the angular cutoff."""
    with pytest.raises(ValueError, match=message):
        NEP(SPECIES, (5.0, 4.0), (2, 2), (2, 2), 2, (), 3, zbl)


@pytest.mark.parametrize("kind", KINDS)
def test_forces_and_virial_belong_to_the_energy(
    kind: str, random_frame: Callable[..., Frame]
) -> None:
    """Forces add up to zero and W = sum over pairs of -r V' u / 2 = -(dU/dstrain)."""
    frame, step = random_frame(1), 1e-5
    table = KINDS[kind].pair_table(SPECIES)

    def evaluate(strain: float) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        deform = np.eye(3)
        deform[0, 1] = strain
        moved = Frame(frame.numbers, frame.positions @ deform, frame.cell @ deform)
        return repulsion(table, make_batch([moved], [find_neighbors(moved, SPECIES, 3.0)]))

    energy, forces, virial = evaluate(0.0)
    assert float(forces.abs().max()) > 1.0
    assert float(forces.sum(dim=0).abs().max()) < 1e-10
    slope = float(evaluate(step)[0].sum() - evaluate(-step)[0].sum()) / (2 * step)
    assert float(virial[0, 0, 1]) == pytest.approx(-slope, rel=1e-6, abs=1e-6)
    assert (energy >= 0).all()
