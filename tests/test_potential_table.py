"""The table of test potentials covers what a NEP file can hold."""

from __future__ import annotations

import pytest

from tests.nep_files import NepFile
from tests.potential_table import COUNTS, L_MAX, POTENTIALS, PUBLIC, ZBL


def of_count(count: int) -> list[NepFile]:
    return [file for file in POTENTIALS.values() if len(file.species) == count]


@pytest.mark.parametrize("count", COUNTS)
def test_every_number_of_species_meets_every_feature(count: int) -> None:
    """l_max 1 to 8 with every invariant, every ZBL, kind of cutoff and kind of file."""
    files = of_count(count)
    assert sorted(int(file.l_max.split()[0]) for file in files) == list(range(1, 9))
    assert {file.l_max for file in files} == set(L_MAX)
    assert {file.zbl for file in files} == set(ZBL)
    assert {file.token[:4] for file in files} == {"nep3", "nep4", "nep5"}
    assert count == 1 or count in {file.last_biases for file in files}
    n_numbers = {len(file.cutoff.split()) for file in files}
    assert n_numbers == {2, 2 * count}
    equal = {file.pair_cutoff(*file.species[:1] * 2) for file in files}
    assert {radial == angular for radial, angular in equal} == {True, False}


def test_public_headers_are_as_published() -> None:
    """First lines of UNEP-v1 in GPUMD's repository."""
    header = PUBLIC["UNEP-v1"].header()
    assert header[0] == "nep4_zbl 16 Ag Al Au Cr Cu Mg Mo Ni Pb Pd Pt Ta Ti V W Zr"
    assert header[1] == "zbl 1 2"
    assert header[3:] == ["n_max 4 4", "basis_size 8 8", "l_max 4 2 1", "ANN 80 0"]
