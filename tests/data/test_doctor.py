"""Every trap is found with its frames, and sound data have only facts as findings."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import attrs
import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk, molecule
from ase.calculators.emt import EMT
from ase.units import Bohr, Hartree, Rydberg, kJ, mol

from nepforge.data.doctor import DataSet, Finding, examine
from nepforge.data.doctor.consistency import find_wrong_forces, find_wrong_virials
from nepforge.data.doctor.copies import find_copies
from nepforge.data.doctor.labels import find_energy_zeros
from nepforge.data.doctor.pair_potential import fit_pair_potential
from nepforge.data.formats.ase_atoms import frame_from_atoms
from nepforge.data.formats.read import read_frames
from nepforge.data.frame import Frame

GPA = 160.2176634  # in 1 eV/Å³
SHIPPED = Path(__file__).parents[2] / "recipes" / "data" / "hfo2_gpaw.xyz"


def found(
    code: str, train: Sequence[Frame], valid: Sequence[Frame] = (), **known: object
) -> Finding | None:
    """The finding of that code, None when there is none."""
    findings = examine(DataSet(train, valid, **known))  # type: ignore[arg-type]
    return next((finding for finding in findings if finding.code == code), None)


def sources(frames: Sequence[Frame]) -> tuple[str, ...]:
    return tuple(frame.source for frame in frames)


def changed(frames: Sequence[Frame], places: Sequence[int], **labels: object) -> list[Frame]:
    """The frames with other labels at some places."""
    frames = list(frames)
    for place in places:
        frames[place] = attrs.evolve(frames[place], **labels)
    return frames


@pytest.fixture(scope="module")
def metal() -> list[Frame]:
    """Twenty strained, shaken cells of CuAu with the labels of effective medium theory."""
    rng = np.random.default_rng(3)
    frames = []
    for idx in range(20):
        atoms = bulk("Cu", cubic=True, a=3.8).repeat(2)
        atoms.numbers[::2] = 79
        atoms.set_cell(atoms.cell @ (np.eye(3) + rng.normal(0, 0.02, (3, 3))), scale_atoms=True)
        atoms.rattle(0.12, seed=idx)
        atoms.calc = EMT()
        atoms.get_forces()
        atoms.get_stress()
        frames.append(frame_from_atoms(atoms, f"metal.xyz:{idx}"))
    return frames


@pytest.fixture(scope="module")
def trajectory() -> list[Frame]:
    """Ten steps of a vibrating crystal, 0.02 Å apart."""
    rng = np.random.default_rng(5)
    atoms = bulk("Cu", cubic=True).repeat(2)
    direction = rng.normal(0, 0.02, (len(atoms), 3))
    frames = []
    for idx in range(10):
        atoms.positions += direction
        atoms.calc = EMT()
        atoms.get_forces()
        frames.append(frame_from_atoms(atoms, f"MOVEMENT:{idx}"))
    return frames


def test_sound_data_have_facts_only(metal: list[Frame], trajectory: list[Frame]) -> None:
    """No error and no warning: the shipped set, and two made by another code."""
    for frames in (metal, trajectory, read_frames(SHIPPED, "extxyz")):
        findings = examine(DataSet(frames, species=()))
        assert [finding for finding in findings if finding.level != "info"] == []


def test_copies_are_found_in_any_order_of_the_atoms(metal: list[Frame]) -> None:
    """Within a set a duplicate, in both sets a leak."""
    again = attrs.evolve(
        metal[4],
        numbers=metal[4].numbers[::-1],
        positions=metal[4].positions[::-1] + metal[4].cell[0],
        forces=metal[4].forces[::-1],
        source="other.xyz:7",
    )
    duplicate = found("duplicates", [*metal, again])
    assert duplicate is not None
    assert (duplicate.level, duplicate.frames) == ("warning", ("other.xyz:7",))
    leak = found("leak", metal, [again])
    assert leak is not None
    assert (leak.level, leak.frames) == ("warning", ("other.xyz:7",))
    assert found("contradiction", [*metal, again]) is None
    assert again.energy is not None
    other = attrs.evolve(again, energy=again.energy + 1.0)
    contradiction = found("contradiction", metal, [other])
    assert contradiction is not None
    assert contradiction.frames == ("metal.xyz:4", "other.xyz:7")


def test_both_halves_of_a_folder_in_one_set_are_found(metal: list[Frame]) -> None:
    """As when every leaf below a root is read at once."""
    halves = [
        attrs.evolve(frame, source=f"root/a/{'valid' if idx > 15 else 'train'}:{idx}")
        for idx, frame in enumerate(metal)
    ]
    both = found("both-halves", halves)
    assert both is not None
    assert both.frames == sources(halves)
    assert found("both-halves", halves[:16], halves[16:]) is None


def test_frames_without_labels_are_errors(metal: list[Frame]) -> None:
    """None at all is an error, one kind missing in some frames a warning, in all a fact."""
    bare = changed(metal, [2, 5], energy=None, forces=None, virial=None)
    error = found("no-labels", bare)
    assert error is not None
    assert (error.level, error.frames) == ("error", ("metal.xyz:2", "metal.xyz:5"))
    some = found("missing-virial", changed(metal, [3], virial=None))
    assert some is not None
    assert (some.level, some.frames) == ("warning", ("metal.xyz:3",))
    every = found("missing-virial", changed(metal, range(20), virial=None))
    assert every is not None
    assert every.level == "info"


@pytest.mark.parametrize(
    ("code", "labels"),
    [
        ("sentinel-virial", {"virial": np.full((3, 3), -1.0e5)}),
        ("sentinel-energy", {"energy": 1.0e6}),
        ("zero-virial", {"virial": np.zeros((3, 3))}),
        ("zero-energy", {"energy": 0.0}),
    ],
)
def test_sentinels_are_errors(metal: list[Frame], code: str, labels: dict[str, object]) -> None:
    """Numbers that stand for a missing label, and exact zeros."""
    error = found(code, changed(metal, [1, 8], **labels))
    assert error is not None
    assert (error.level, error.frames) == ("error", ("metal.xyz:1", "metal.xyz:8"))


def test_virials_of_the_wrong_sign_are_errors(metal: list[Frame]) -> None:
    """A whole file, and a part of one, with the frames."""
    flipped = [attrs.evolve(frame, virial=-frame.virial) for frame in metal]
    whole = found("virial-sign", flipped)
    assert whole is not None
    assert (whole.level, whole.frames) == ("error", sources(metal))
    second = [attrs.evolve(f, source=f"stress.xyz:{i}") for i, f in enumerate(flipped)]
    of_file = found("virial-sign", [*metal, *second])
    assert of_file is not None
    assert of_file.frames == sources(second)


def test_virials_of_mixed_sign_are_errors() -> None:
    """Two conventions merged into one file: the frames of the wrong one are named."""
    frames = read_frames(SHIPPED, "extxyz")
    wrong = range(0, len(frames), 3)
    mixed = list(frames)
    for place in wrong:
        mixed[place] = attrs.evolve(frames[place], virial=-frames[place].virial)
    error = found("virial-mixed", mixed)
    assert error is not None
    named, expected = set(error.frames), {frames[place].source for place in wrong}
    assert len(named & expected) > 0.9 * len(expected)
    assert len(named - expected) < 0.1 * len(expected)


@pytest.mark.parametrize(("factor", "words"), [(GPA, "in GPa"), (10 * GPA, "in kbar")])
def test_virials_of_the_wrong_unit_are_errors(
    metal: list[Frame], factor: float, words: str
) -> None:
    """Stress in GPa or kbar taken for eV/Å³."""
    error = found("virial-unit", [attrs.evolve(f, virial=factor * f.virial) for f in metal])
    assert error is not None
    assert (error.level, words in error.text) == ("error", True)


def test_forces_of_the_wrong_sign_or_unit_are_errors(trajectory: list[Frame]) -> None:
    """The work along a trajectory: minus the forces, as in a MOVEMENT file; Ry/bohr as eV/Å."""
    assert found("force-sign", [attrs.evolve(f, forces=-f.forces) for f in trajectory]) is not None
    scaled = [attrs.evolve(f, forces=f.forces / 25.711) for f in trajectory]
    assert found("force-unit", scaled) is not None


def test_energies_with_kinetic_energy_are_noticed(trajectory: list[Frame]) -> None:
    """A conserved total energy does not follow the work of the forces."""
    rng = np.random.default_rng(0)
    energies = rng.normal(-1.0, 1e-4, len(trajectory))
    conserved = [
        attrs.evolve(f, energy=float(e)) for f, e in zip(trajectory, energies, strict=True)
    ]
    unclear = found("energy-unclear", conserved)
    assert unclear is not None
    assert unclear.level == "warning"


LENGTHS = {  # factors of positions and cell -> what the finding says
    (1.0 / Bohr, 1.0 / Bohr): "positions and cell are in bohr",
    (Bohr, Bohr): "positions and cell are in Å and were taken for bohr",
    (1.0 / Bohr, 1.0): "positions are in bohr, the cell is in Å",
    (1.0, 1.0 / Bohr): "the cell is in bohr, the positions are in Å",
    (Bohr, 1.0): "positions are in Å and were taken for bohr, the cell was not",
    (1.0, Bohr): "the cell is in Å and was taken for bohr, the positions were not",
}


@pytest.mark.parametrize("factors", LENGTHS)
def test_lengths_in_bohr_are_errors(metal: list[Frame], factors: tuple[float, float]) -> None:
    """Positions, cell or both, in either direction, of a metal and of an oxide."""
    positions, cell = factors
    for frames in (metal, read_frames(SHIPPED, "extxyz")[::10]):
        wrong = [
            attrs.evolve(f, positions=positions * f.positions, cell=cell * f.cell) for f in frames
        ]
        error = found("length-unit", wrong)
        assert error is not None
        assert (error.level, LENGTHS[factors] in error.text) == ("error", True), error.text


def test_noble_gases_boxes_and_far_atoms_are_in_angstrom() -> None:
    """Crystals of argon, a molecule in a box that a smaller one would fit, a stretched dimer."""
    rng = np.random.default_rng(0)
    argon = [bulk("Ar", cubic=True) for _ in range(6)]
    water = []
    for _ in range(6):
        atoms = molecule("CH3CH2OH", cell=[9.0, 9.0, 9.0], pbc=True)
        atoms.center()
        atoms.rattle(0.05, rng=rng)
        water.append(atoms)
    dimers = [Atoms("Cu2", [[0, 0, 0], [d, 0, 0]]) for d in np.linspace(1.9, 4.5, 12)]
    for images in (argon, water, dimers):
        frames = [frame_from_atoms(atoms, f"a.xyz:{idx}") for idx, atoms in enumerate(images)]
        assert found("length-unit", frames) is None


ENERGY_UNITS = {"hartree": 1.0 / Hartree, "rydberg": 1.0 / Rydberg, "kJ/mol": mol / kJ}


@pytest.mark.parametrize("unit", ENERGY_UNITS)
def test_energies_of_other_units_are_errors_without_a_trajectory(
    metal: list[Frame], unit: str
) -> None:
    """A pair potential fitted to the forces predicts how energies differ."""
    for frames in (metal, read_frames(SHIPPED, "extxyz")):
        scaled = [attrs.evolve(f, energy=ENERGY_UNITS[unit] * (f.energy or 0.0)) for f in frames]
        error = found("energy-unit", scaled)
        assert error is not None
        assert (error.level, unit in error.text) == ("error", True), error.text


def test_forces_of_another_unit_are_errors_without_a_trajectory(metal: list[Frame]) -> None:
    """Hartree/bohr beside energies in eV."""
    assert all(frame.forces is not None for frame in metal)
    scaled = [attrs.evolve(f, forces=f.forces * (Bohr / Hartree)) for f in metal]  # type: ignore[operator]
    error = found("energy-unit", scaled)
    assert error is not None
    assert "the forces in hartree/bohr" in error.text


def test_energies_and_virials_per_atom_are_errors(metal: list[Frame]) -> None:
    """By the forces where all frames are of one size, by the number of atoms where they differ."""
    per_atom = [attrs.evolve(f, energy=f.energy / f.n_atoms) for f in metal]  # type: ignore[operator]
    error = found("energy-unit", per_atom)
    assert error is not None
    assert "the energies given per atom" in error.text
    virials = [attrs.evolve(f, virial=f.virial / f.n_atoms) for f in metal]  # type: ignore[operator]
    error = found("virial-unit", virials)
    assert error is not None
    assert "the virials given per atom" in error.text
    rng = np.random.default_rng(1)
    sizes = [
        Frame(
            np.tile([72, 8, 8], n),
            rng.uniform(0.0, 9.0, (3 * n, 3)),
            9.0 * np.eye(3),
            energy=float(-9.0 + rng.normal(0.0, 0.1)) * 3 * n,
            source=f"sizes.xyz:{n}",
        )
        for n in range(1, 15)
    ]
    assert found("energy-per-atom", sizes) is None
    error = found(
        "energy-per-atom",
        [attrs.evolve(f, energy=f.energy / f.n_atoms) for f in sizes],  # type: ignore[operator]
    )
    assert error is not None
    assert error.level == "error"


def test_a_pair_potential_knows_its_own_energies() -> None:
    """Predicted energy, forces and virial are consistent: against finite differences."""
    rng = np.random.default_rng(2)
    atoms = bulk("Cu", cubic=True).repeat(2)
    atoms.rattle(0.1, rng=rng)
    frame = Frame(atoms.numbers, atoms.positions, atoms.cell.array, forces=rng.normal(size=(32, 3)))
    potential = fit_pair_potential([frame])
    strain = rng.normal(0.0, 1.0, (3, 3))
    energies = []
    for sign in (1.0, -1.0):
        deformation = np.eye(3) + sign * 1e-4 * strain
        energies.append(
            potential.energy(
                attrs.evolve(
                    frame,
                    positions=frame.positions @ deformation,
                    cell=frame.cell @ deformation,
                )
            )
        )
    slope = (energies[0] - energies[1]) / 2e-4
    assert slope == pytest.approx(-float(np.sum(potential.virial(frame) * strain)), rel=1e-3)


def test_net_forces_and_outliers_are_found(metal: list[Frame]) -> None:
    """A shifted force, a wild energy, a wild force."""
    forces = np.asarray(metal[6].forces)
    net = found("net-force", changed(metal, [6], forces=forces + 0.1))
    assert net is not None
    assert net.frames == ("metal.xyz:6",)
    energy = found("energy-outlier", changed(metal, [9], energy=metal[9].energy + 500.0))  # type: ignore[operator]
    assert energy is not None
    assert energy.frames == ("metal.xyz:9",)
    wild = forces.copy()
    wild[0] += [0, 0, 900.0]
    wild[1] -= [0, 0, 900.0]
    force = found("force-outlier", changed(metal, [6], forces=wild))
    assert force is not None
    assert force.frames == ("metal.xyz:6",)


def test_files_of_other_energy_zeros_are_found(metal: list[Frame]) -> None:
    """Two codes, one composition."""
    assert all(frame.energy is not None for frame in metal)
    other = [
        attrs.evolve(f, energy=f.energy - 3.0 * f.n_atoms, source=f"vasp.xyz:{i}")  # type: ignore[operator]
        for i, f in enumerate(metal)
    ]
    gap = found("energy-zero", [*other, *metal])
    assert gap is not None
    assert gap.frames == sources(metal)


def test_short_distances_are_found(metal: list[Frame]) -> None:
    """Two atoms close together, and two that share a position."""
    for distance, code, level in ((0.5, "short-distance", "warning"), (0.0, "same-place", "error")):
        positions = metal[3].positions.copy()
        positions[1] = positions[0] + [distance, 0, 0]
        finding = found(code, changed(metal, [3], positions=positions))
        assert finding is not None
        assert (finding.level, finding.frames) == (level, ("metal.xyz:3",))


def test_elements_are_compared_with_the_species(metal: list[Frame]) -> None:
    """Unknown ones are errors; absent ones and those only in validation are warnings."""
    foreign = found("unknown-element", metal, species=("Cu",))
    assert foreign is not None
    assert (foreign.level, foreign.frames) == ("error", sources(metal))
    absent = found("absent-element", metal, species=("Cu", "Au", "Ag"))
    assert absent is not None
    assert absent.text.startswith("Ag:")
    numbers = metal[0].numbers.copy()
    numbers[0] = 47
    alone = found("untrained-element", metal[1:], [attrs.evolve(metal[0], numbers=numbers)])
    assert alone is not None
    assert alone.frames == ("metal.xyz:0",)


def test_cells_are_looked_at(metal: list[Frame]) -> None:
    """A periodic cell without volume is an error, a thin one a fact."""
    flat = found("no-cell", changed(metal, [0], cell=np.zeros((3, 3))))
    assert flat is not None
    assert (flat.level, flat.frames) == ("error", ("metal.xyz:0",))
    assert found("small-cell", metal, cutoff=3.0) is None
    thin = found("small-cell", metal, cutoff=6.0)
    assert thin is not None
    assert thin.level == "info"


def test_the_copies_in_the_reference_data_are_found(shared: Path) -> None:
    """hfo2_pwdata: 18 leaks, 31 copies (of 12 structures) in train; lisic_pwdata: 1 leak, 2 copies.

    Counted once more with plain numpy, in the order of the files' own atoms.
    """
    codes = ("duplicates", "leak")
    for name, n_leaks, n_copies in (("hfo2_pwdata", 18, 31), ("lisic_pwdata", 1, 2)):
        root = shared / "data" / name
        train, valid = (read_frames(root, "pwdata", part) for part in ("train", "valid"))
        copies, *_, leak = (f for f in find_copies(DataSet(train, valid)) if f.code in codes)
        assert (copies.code, leak.code) == codes
        assert (len(leak.frames), len(copies.frames)) == (n_leaks, n_copies)
        assert all(f"{name}/" in source and "/valid:" in source for source in leak.frames)


def test_the_reference_data_have_no_wrong_sign(shared: Path) -> None:
    """Signs and units in three conventions are all read correctly."""
    data = shared / "data"
    sets = (
        read_frames(data / "lisic_pwdata", "pwdata", "train"),
        read_frames(data / "pbte" / "train.xyz", "extxyz"),
        read_frames(data / "samples" / "MOVEMENT", "movement"),
        read_frames(data / "samples" / "EC_MOVEMENT", "movement"),
    )
    for frames in sets:
        data_set = DataSet(frames)
        findings = [*find_wrong_virials(data_set), *find_wrong_forces(data_set)]
        assert [finding.text for finding in findings if finding.level != "info"] == []


def test_a_pwmat_file_read_with_the_wrong_signs_is_found(shared: Path) -> None:
    """The block -force taken for forces, the block stress for a virial."""
    frames = read_frames(shared / "data" / "samples" / "MOVEMENT", "movement")
    minus = [attrs.evolve(f, forces=-f.forces) for f in frames]
    assert found("force-sign", minus) is not None
    assert found("virial-sign", [attrs.evolve(f, virial=-f.virial) for f in frames]) is not None


def test_another_energy_zero_in_the_reference_data_is_found(shared: Path) -> None:
    """PWmat's and GPAW's HfO2 in one set."""
    pwmat = read_frames(shared / "data" / "hfo2_pwdata", "pwdata", "train")
    (gap,) = find_energy_zeros(DataSet([*pwmat, *read_frames(SHIPPED, "extxyz")]))
    assert len(gap.frames) == 191


def test_every_check_bears_odd_frames(random_frame: Callable[..., Frame]) -> None:
    """One atom, no cell, no labels, a slab: findings, no exceptions."""
    atom = Frame(np.array([8]), np.zeros((1, 3)), np.zeros((3, 3)), (False,) * 3, energy=-1.0)
    slab = attrs.evolve(random_frame(1), pbc=(True, True, False))
    bare = random_frame(2, labels=False)
    for frames in ([atom], [slab] * 5, [bare], [atom, slab, bare] * 4):
        assert examine(DataSet(frames, frames, ("O",), 5.0))
