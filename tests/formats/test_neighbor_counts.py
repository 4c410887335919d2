"""Neighbour counts of a model: kept by every way from file to file, true when counted."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path

import ase
import attrs
import pytest
from ase.neighborlist import neighbor_list

from nepforge.data.frame import Frame
from nepforge.data.neighbors import find_neighbors
from nepforge.formats.convert import convert_model, inspect
from nepforge.formats.fine_tune import cut_down, start_from
from nepforge.formats.neighbor_counts import NeighborCounts, count_neighbors
from nepforge.formats.open_model import open_nep
from nepforge.formats.potential_file import write_potential
from tests.broken_nep_files import line
from tests.nep_files import KINDS, NepFile

MakeFrame = Callable[..., Frame]
SAID = NeighborCounts(274, 158)  # of NEP89: more than the bounds for its cutoffs
NAMES = {"nep4": "a.txt", "nep5": "b.txt", "lammps": "c.txt", "ckpt": "d.ckpt"}


def with_record(folder: Path, record: str) -> Path:
    file = NepFile()
    path = folder / "source.txt"
    path.write_text("\n".join(line(2, record)(file.lines())) + "\n")
    return path


@pytest.mark.parametrize("way", list(itertools.permutations(NAMES, 2)), ids="-".join)
def test_every_conversion_keeps_what_the_file_said(way: tuple[str, str], tmp_path: Path) -> None:
    """Text -> one layout -> another: the checkpoint between them too."""
    path = with_record(tmp_path, "cutoff 4.5 3.5 274 158")
    for layout in way:
        out = tmp_path / layout / NAMES[layout]
        out.parent.mkdir()
        assert convert_model(path, out, layout).warnings == ()
        path = out
        assert inspect(open_nep(path))["neighbors"] == [274, 158]
        assert open_nep(path).trained.counts == SAID


def test_fewer_species_and_a_new_start_keep_them(tmp_path: Path) -> None:
    """The whole model met at least as many as its parts."""
    trained = open_nep(with_record(tmp_path, "cutoff 4.5 3.5 274 158")).trained
    smaller = cut_down(trained, ("O",), "nep.txt")
    assert smaller.neighbors == SAID
    assert start_from(trained, smaller.model, "nep.txt").neighbors == SAID


def test_a_file_without_counts_stays_without(tmp_path: Path) -> None:
    """A checkpoint of it too; a layout that must have them gets bounds, and that is said."""
    path = with_record(tmp_path, "cutoff 4.5 3.5")
    convert_model(path, tmp_path / "a.ckpt")
    for source in (path, tmp_path / "a.ckpt"):
        assert inspect(open_nep(source))["neighbors"] is None
        out = tmp_path / f"{source.suffix}.txt"
        (warning,) = convert_model(source, out, "nep5").warnings
        assert f"{source} has no neighbour counts: 77 and 36" in warning
        assert inspect(open_nep(out))["neighbors"] == [77, 36]  # 0.2 atoms/Å^3 within 4.5 and 3.5 Å


def test_a_checkpoint_of_before_has_none(tmp_path: Path) -> None:
    """It is still read; counts change nothing else in its bytes."""
    trained = open_nep(KINDS["zbl"].write(tmp_path / "nep.txt")).trained
    old = attrs.evolve(trained, neighbors=None)
    write_potential(tmp_path / "old.ckpt", old)
    found = open_nep(tmp_path / "old.ckpt").trained
    assert found.neighbors is None
    assert found.counts == NeighborCounts(77, 36)


@pytest.mark.parametrize("cutoff", [(4.5, 4.0), (6.0, 3.0), (0.3, 0.2)])
def test_counted_are_the_neighbours_that_ase_finds(
    cutoff: tuple[float, float], random_frame: MakeFrame, tmp_path: Path
) -> None:
    """The most of any atom of any frame, images included; none at all is a count too."""
    trained = open_nep(KINDS["nep4"].write(tmp_path / "nep.txt")).trained
    model = attrs.evolve(trained.model, species=("Hf", "O"), cutoff=cutoff)
    frames = [random_frame(seed) for seed in range(3)]
    found = count_neighbors(
        model, [find_neighbors(frame, model.species, model.neighbor_cutoff) for frame in frames]
    )
    assert attrs.astuple(found) == tuple(most_neighbors(frames, length) for length in cutoff)


def most_neighbors(frames: list[Frame], cutoff: float) -> int:
    """By ASE."""
    most = 0
    for frame in frames:
        atoms = ase.Atoms(frame.numbers, frame.positions, cell=frame.cell, pbc=frame.pbc)
        centers = neighbor_list("i", atoms, cutoff).tolist()
        most = max(most, *(centers.count(atom) for atom in range(len(atoms))))
    return most
