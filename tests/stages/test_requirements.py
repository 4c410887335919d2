"""What a recipe requires of its data is checked before any training."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import ase.io
import attrs
import numpy as np
import pytest

from nepforge.data.frame import Frame
from nepforge.errors import Problem
from nepforge.stages import requirements
from nepforge.stages.requirements import find
from tests.stage_tables import data_table
from tests.stages.test_line import isolated_atom

MakeFrame = Callable[..., Frame]
MD: dict[str, Any] = {
    "structure": {"from": "data", "index": 0, "replicate": [2, 2, 2]},
    "ranks": 1,
}
BENCHMARK: dict[str, Any] = {
    "structure": {"from": "data", "index": 0, "replicate": [1, 1, 1]},
    "atoms": [100],
    "ranks": [1],
    "threads": [1],
    "cores": None,
}


def look(
    frames: list[Frame], inputs: dict[str, Path] | None = None, **table: Any
) -> tuple[list[Problem], list[str]]:
    """Problems, and codes of warnings."""
    data = {"group_by": table.pop("group_by", None)}
    found = find(data_table(data=data, **table), inputs or {}, frames, frames)
    return list(found.problems), [finding.code for finding in found.findings]


def structure(**changes: Any) -> dict[str, Any]:
    return {**MD, "structure": {**MD["structure"], **changes}}


def in_file(folder: Path, atoms: ase.Atoms) -> tuple[dict[str, Path], dict[str, Any]]:
    """Inputs and [[md]] table of a structure file."""
    path = folder / "cell.xyz"
    ase.io.write(path, atoms, format="extxyz")
    table = {"file": "md[0].structure", "format": "extxyz", "replicate": [1, 1, 1]}
    return {"md[0].structure": path}, {"structure": table, "ranks": 1}


@pytest.fixture
def frames(random_frame: MakeFrame) -> list[Frame]:
    return [attrs.evolve(random_frame(seed), info={"phase": "1"}, group="1") for seed in range(3)]


def test_a_recipe_that_fits_has_no_problems(frames: list[Frame]) -> None:
    """Groups, labels, cutoffs, cells and sizes."""
    labels = {"weights": ["energy", "force", "virial"]}
    runs = {"md": [MD], "md_benchmark": BENCHMARK}
    assert look(frames, group_by="phase", optimizer=labels, **runs) == ([], [])


def test_a_group_that_no_frame_has_is_refused(frames: list[Frame]) -> None:
    """With the keys that there are, and the nearest of them; some without it are a warning."""
    nobody = [attrs.evolve(frame, group="") for frame in frames]
    (problem,), _ = look(nobody, group_by="phaze")
    assert problem.path == "data.group_by"
    assert 'did you mean "phase"?; keys of the frames: phase' in problem.hint
    assert look([*nobody[:1], *frames], group_by="phase") == ([], ["group-by"])


@pytest.mark.parametrize("table", ["weights", "prefactors"])
def test_labels_that_nobody_has_are_refused(frames: list[Frame], table: str) -> None:
    """All of them, each by its key."""
    bare = [attrs.evolve(frame, forces=None, virial=None) for frame in frames]
    problems, _ = look(bare, optimizer={table: ["energy", "force", "virial", "atomic_energy"]})
    assert [problem.path for problem in problems] == [
        f"optimizer.{table}.{name}" for name in ("force", "virial", "atomic_energy")
    ]
    assert "ei.npy of pwdata" in problems[-1].hint


def test_a_cutoff_in_which_nobody_has_a_neighbour_is_refused(frames: list[Frame]) -> None:
    """With the distance of the closest two atoms; so is a set of isolated atoms."""
    (problem,), _ = look(frames, cutoff=[0.5, 0.4])
    assert "a neighbour within 0.5 Å" in problem.message
    assert "the closest two are 1." in problem.hint
    (problem,), _ = look([isolated_atom()])
    assert "all isolated atoms" in problem.hint
    (problem,), _ = look(frames, cutoff=0.5)  # of a Deep Potential
    assert problem.path == "model.cutoff"


def test_a_cutoff_without_angular_neighbours_or_of_a_lonely_species_is_told(
    frames: list[Frame],
) -> None:
    """Training goes on: the radial part, and the other species, are right."""
    assert look(frames, cutoff=[4.5, 0.5]) == ([], ["cutoff"])
    only_oxygen = [attrs.evolve(f, numbers=np.full(f.n_atoms, 8)) for f in frames]
    assert look([*only_oxygen, isolated_atom(72)]) == ([], ["cutoff"])


def test_cutoffs_of_species_are_averaged_over_a_pair(frames: list[Frame]) -> None:
    """As in the model: a pair of a wide and a narrow species may meet."""
    assert look(frames, cutoff=[[0.5, 0.4], [4.5, 4.0]]) == ([], [])
    assert look(frames, cutoff=[[0.5, 0.4], [0.6, 0.4]])[0]


@pytest.mark.parametrize("index", [3, 5000])
def test_an_index_beyond_the_data_is_refused(frames: list[Frame], index: int) -> None:
    """Counted among the training frames."""
    (problem,), _ = look(frames, md=[MD, structure(index=index)])
    assert problem.path == "md[1].structure.index"
    assert "there are 3 training frames" in problem.message
    table = {**BENCHMARK, "structure": {**BENCHMARK["structure"], "index": index}}
    (problem,), _ = look(frames, md_benchmark=table)
    assert problem.path == "md_benchmark.structure.index"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"pbc": (True, True, False)}, "is not periodic"),
        ({"pbc": (False, False, False), "cell": np.zeros((3, 3))}, "is not periodic"),
        ({"positions": np.zeros((7, 3))}, "two atoms that share a position"),
        ({"numbers": np.full(7, 13)}, "holds Al, data.species are Hf, O"),
    ],
    ids=["slab", "molecule", "same place", "species"],
)
def test_a_cell_that_lammps_cannot_run_is_refused(
    frames: list[Frame], tmp_path: Path, changes: dict[str, Any], words: str
) -> None:
    """A training frame, or a structure file."""
    frame = attrs.evolve(frames[0], **changes)
    inputs, table = in_file(tmp_path, requirements.as_atoms(frame))
    (problem,), _ = look(frames, inputs, md=[table])
    assert problem.path == "md[0].structure.file"
    assert words in problem.message
    if "numbers" not in changes:
        (problem,), _ = look([*frames, frame], md=[structure(index=3)])
        assert problem.path == "md[0].structure.index"


def test_a_structure_file_that_cannot_be_read_is_refused(
    frames: list[Frame], tmp_path: Path
) -> None:
    """With what ASE says of it."""
    path = tmp_path / "cell.xyz"
    path.write_text("nonsense\n")
    table = {"file": "md[0].structure", "format": "extxyz", "replicate": [1, 1, 1]}
    (problem,), _ = look(frames, {"md[0].structure": path}, md=[{"structure": table, "ranks": 1}])
    assert "not readable as extxyz" in problem.message


@pytest.mark.parametrize(
    ("replicate", "words"),
    [([1, 1, 1], "gives 1 atom in all"), ([3000, 3000, 3000], "LAMMPS numbers at most")],
)
def test_too_few_and_too_many_atoms_are_refused(
    frames: list[Frame], replicate: list[int], words: str
) -> None:
    """One atom alone has no temperature; LAMMPS has 32 bits for the number of an atom."""
    (problem,), _ = look([isolated_atom(), *frames], md=[structure(replicate=replicate)])
    assert problem.path == "md[0].structure.replicate"
    assert words in problem.message


def test_a_size_beyond_the_memory_is_refused(
    frames: list[Frame], monkeypatch: pytest.MonkeyPatch
) -> None:
    """1.5 kB per atom, against the memory of this machine."""
    monkeypatch.setattr("nepforge.stages.md_cell.memory_bytes", lambda: 10**9)
    (problem,), _ = look(frames, md_benchmark={**BENCHMARK, "atoms": [1000, 10**6]})
    assert problem.path == "md_benchmark.atoms[1]"
    assert "this machine has 1 GB" in problem.message


def test_a_benchmark_that_fits_no_core_is_refused(frames: list[Frame]) -> None:
    """Before the training that it would follow."""
    table = {**BENCHMARK, "ranks": [4], "threads": [2], "cores": 4}
    (problem,), _ = look(frames, md_benchmark=table)
    assert "needs more than 4 cores" in problem.message


def test_thin_cells_and_idle_ranks_are_told(frames: list[Frame]) -> None:
    """Both run, and mean little."""
    _, codes = look(frames, md=[{**structure(replicate=[1, 1, 1]), "ranks": 8}])
    assert codes == ["md", "md"]
