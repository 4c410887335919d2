"""Readers on damaged files: a frame that an independent reader confirms, or a DataError.

The default run tries a few hundred inputs of each format; `-m slow` more. As many as wanted:

    NEPFORGE_FUZZ_INPUTS=100000 pytest -m slow tests/data/test_fuzz.py
"""

from __future__ import annotations

import io
import os
import re
import shutil
import warnings
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import ase
import ase.io
import numpy as np
import pytest
from ase.units import Bohr, Hartree, Rydberg

from nepforge.data.formats.read import read_frames
from nepforge.data.formats.write import write_frames
from nepforge.data.frame import Frame
from nepforge.errors import DataError
from tests import vasp_files as vasp

FILES = Path(__file__).parent / "files"
FEW_INPUTS = 300
LONG_INPUT = 5000  # bytes; a quarter of the inputs takes as long
MANY_INPUTS = int(os.environ.get("NEPFORGE_FUZZ_INPUTS", "1500"))
SPECIES = ("H", "Si")

EXTXYZ = b"""3
energy=-1.5 Lattice="4 0 0 1 4 0 0 0 4" pbc="T T F" Properties=species:S:1:pos:R:3:forces:R:3 a=b
O 0.1 0.2 0.3 0.1 0.2 0.3
Hf 2 2 2 -0.1 -0.2 -0.3
O -1.25e-1 3.5 1 0.0 1.0 -2.0
2
energy=-2.5 virial="1 2 3 2 5 6 3 6 9" Lattice="5 0 0 0 5 0 0 0 5" Properties=species:S:1:pos:R:3
O 0.5 0.25 0.75
H 2 2 2
"""
WORDS = [b"nan", b"inf", b"1e999", b"-0", b"1_0", b"", b" ", b"\n", b"\n\n", b"\x00", b"\xff"]
WORDS += [b"99999999999999999999", b"-1", b"0x10", "٣".encode(), b'"', b"=", b":", b"T", b"3"]


def mutated(rng: np.random.Generator, content: bytes) -> bytes:
    """One to three of: cut, drop, repeat or swap a part; replace a byte or a word."""
    for _ in range(rng.integers(1, 4)):
        first, second = sorted(rng.integers(0, len(content) + 1, 2).tolist())
        last = min(second, first + int(rng.integers(1, 40)))
        word = WORDS[rng.integers(len(WORDS))]
        lines = content.split(b"\n")
        match rng.integers(8):
            case 0:
                content = content[:second]
            case 1:
                content = content[:first] + content[last:]
            case 2:
                content = content[:last] + content[first:last] + content[last:]
            case 3:
                content = content[:first] + bytes([rng.integers(256)]) + content[first + 1 :]
            case 4:
                content = content[:first] + word + content[last:]
            case 5:
                del lines[rng.integers(len(lines))]
                content = b"\n".join(lines)
            case 6:
                lines.insert(rng.integers(len(lines)), lines[rng.integers(len(lines))])
                content = b"\n".join(lines)
            case 7:
                words = re.split(rb"(\s+)", content)
                words[rng.integers(len(words))] = word
                content = b"".join(words)
    return content


def frames_or_none(path: Path, file_format: str) -> list[Frame] | None:
    """What the reader gives; any other exception than DataError fails the test."""
    try:
        return read_frames(path, file_format, species=SPECIES)
    except DataError:
        return None


def ase_images(content: bytes, ase_format: str, **options: object) -> list[ase.Atoms]:
    """What ASE reads, nothing where it gives up."""
    images: list[ase.Atoms] = []
    text = content.decode(errors="replace")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            stream = io.StringIO(text, newline=None)
            images.extend(ase.io.iread(stream, index=":", format=ase_format, **options))
        except Exception:
            return []
    return images


def confirm_extxyz(content: bytes, frames: Sequence[Frame]) -> None:
    """ASE agrees, as far as it reads: it ends at an empty line, wants its own spelling, and loses
    what follows an apostrophe or a bracket."""
    text = content.decode(errors="replace")
    if re.search(r"\n\s*\n", text.strip()) or re.search(
        "lattice|properties|PBC|Energy|['[{]", text
    ):
        return
    for frame, atoms in zip(frames, ase_images(content, "extxyz"), strict=False):
        if not atoms.numbers.all():  # ASE's answer to columns that it does not know
            continue
        assert atoms.numbers.tolist() == frame.numbers.tolist()
        np.testing.assert_array_equal(atoms.positions, frame.positions)
        np.testing.assert_array_equal(atoms.cell.array, frame.cell)
        if atoms.calc is not None and "forces" in atoms.calc.results:
            np.testing.assert_array_equal(atoms.calc.results["forces"], frame.forces)
        energy = None if atoms.calc is None else atoms.calc.results.get("energy")
        if isinstance(energy, float):  # a key without a value is True for ASE
            assert energy == frame.energy


def confirm_dump(content: bytes, frames: Sequence[Frame]) -> None:
    """ASE agrees on elements, cell and forces, and on positions up to the origin of the box.

    (It adds the origin to coordinates in Å, and not to fractions.)
    """
    images = ase_images(content, "lammps-dump-text", specorder=list(SPECIES))
    if len(images) != len(frames) or b"\n\n" in content:
        return  # ASE drops a snapshot that is cut, and counts empty lines as atoms
    for frame, atoms in zip(frames, images, strict=True):
        assert atoms.numbers.tolist() == frame.numbers.tolist()
        np.testing.assert_allclose(atoms.cell.array, frame.cell, rtol=1e-9, atol=1e-9)
        origin = np.asarray(atoms.get_celldisp()).ravel()
        shift = atoms.positions - frame.positions
        small = 1e-9 * (1.0 + abs(atoms.positions).max())
        assert (abs(shift) < small).all() or (abs(shift - origin) < small).all()
        if frame.forces is not None:
            np.testing.assert_array_equal(atoms.get_forces(), frame.forces)


def confirm_movement(content: bytes, frames: Sequence[Frame]) -> None:
    """The numbers stand below their titles, looked up by line number."""
    lines = content.decode(errors="replace").split("\n")
    starts = [idx for idx, line in enumerate(lines) if re.match(r"\s*\d+\s+atoms", line, re.I)]
    if len(starts) != len(frames):
        return
    for frame, start, stop in zip(frames, starts, [*starts[1:], len(lines)], strict=True):
        section = lines[start:stop]
        at = [i for i, line in enumerate(section) if line.lower().lstrip().startswith("force")]
        if len(at) == 1 and frame.forces is not None:
            rows = [line.split() for line in section[at[0] + 1 : at[0] + 1 + frame.n_atoms]]
            expected = [[-float(word) for word in row[1:4]] for row in rows]
            np.testing.assert_array_equal(frame.forces, expected)
            assert [float(row[0]) for row in rows] == frame.numbers.tolist()


def confirm_printed(content: bytes, frames: Sequence[Frame]) -> None:
    """What is in a frame was printed: as many forces as atoms, numbers of the file, each in its
    unit. (Outputs of electronic structure codes have no independent reader that is right.)"""
    words = set(re.findall(rb"[-+]?(?:\d+\.\d*|\.\d+)(?:[eEdD][-+]?\d+)?", content))
    printed = np.array([float(word.lower().replace(b"d", b"e")) for word in words])
    for frame in frames:
        assert frame.positions.shape == (frame.n_atoms, 3)
        if frame.forces is not None:
            assert frame.forces.shape == (frame.n_atoms, 3)
            for unit in (1.0, Rydberg / Bohr, Hartree / Bohr):
                values = frame.forces.ravel() / unit
                if all(np.isclose(printed, value, rtol=1e-9, atol=1e-12).any() for value in values):
                    break
            else:
                raise AssertionError(f"forces that are not printed: {frame.forces}")


def confirm_outcar(content: bytes, frames: Sequence[Frame]) -> None:
    """Each energy stands below a block of forces that is the frame's, with no other between."""
    text = content.decode(errors="replace").replace("\r", "\n")
    found = re.finditer(r"free  energy +TOTEN *= *(\S+) *eV", text)
    energies = [(match.start(), float(match[1])) for match in found]
    titles = [match.start() for match in re.finditer("TOTAL-FORCE", text)]
    for frame in frames:
        assert frame.volume == pytest.approx(120.0, abs=0.2)
        blocks = [
            _force_rows(text[max(t for t in titles if t < at) :], frame.n_atoms)
            for at, energy in energies
            if energy == frame.energy and any(title < at for title in titles)
        ]
        assert frame.forces is None or frame.forces.tolist() in blocks


def _force_rows(text: str, n_rows: int) -> list[list[float]]:
    """Numbers 4 to 6 of the rows below a title, those with six decimals may touch; [] for none."""
    rows = []
    for line in text.split("\n")[2 : 2 + n_rows]:
        words = line.split()
        touching = re.findall(r"-?\d*\.\d{6}", line)[-3:]
        found = words[3:6] if len(words) == 6 else touching
        rows.append([float(word) for word in found] if _are_floats(found) else [])
    return rows


def confirm_vasprun(content: bytes, frames: Sequence[Frame]) -> None:
    """Energies and forces stand in one <calculation>, in order."""
    text = content.decode(errors="replace")
    ends = iter(re.finditer(r'<i [^>]*name="e_fr_energy"[^>]*>\s*(\S+?)\s*</i>', text))
    for frame in frames:
        end = next(match for match in ends if float(match[1]) == frame.energy)
        if frame.forces is not None:
            rows = re.findall(r"<v[^>]*>([^<]*)</v>", text)
            numbers = [row.split() for row in rows]
            found = [[float(w) for w in row] for row in numbers if _are_floats(row)]
            assert all(row in found for row in frame.forces.tolist())
        assert end is not None


def _are_floats(words: Sequence[str]) -> bool:
    number = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?", re.IGNORECASE)
    return all(number.fullmatch(word) for word in words)


def confirm_cp2k(content: bytes, frames: Sequence[Frame]) -> None:
    """Energies stand in the file, forces add up to the sum below them."""
    text = content.decode(errors="replace")
    words = iter(re.findall(r"Total FORCE_EVAL .*?energy [\[(].*?[\])]:?\s+(\S+)", text))
    for frame in frames:
        assert any(abs(float(word) * Hartree - (frame.energy or 0.0)) < 1e-9 for word in words)
        assert frame.n_atoms == 2
        if frame.forces is not None and "Sum" in text:
            assert abs(frame.forces.sum(axis=0)).max() < 1e-5


OUTCAR = vasp.header(nelm=4) + vasp.step(1, -10.5) + vasp.step(2, -10.75, 4) + vasp.END
VASPRUN = vasp.vasprun(vasp.calculation(-10.5) + vasp.calculation(-10.75, 4), nelm=4)


MTP = b"""BEGIN_CFG
 Size
    2
 Supercell
    4.0 0.0 0.0
    0.0 5.0 0.0
    0.0 0.0 6.0
 AtomData:  id type       cartes_x      cartes_y      cartes_z           fx          fy          fz
             1    1       0.100000      2.500000      4.500000     0.1 -0.2 0.3
             2    0       0.200000      0.000000      0.000000    -0.1  0.2 -0.4
 Energy
       -10.5
 PlusStress:  xx          yy          zz          yz          xz          xy
     1.0     2.0     3.0     0.4     0.5     0.6
 Feature   EFS_by       VASP
END_CFG

BEGIN_CFG
 Size
    1
 AtomData:  id type cartes_x cartes_y cartes_z
             1    1 0.5 0.25 0.125
 Energy
    -2.5
END_CFG
"""


def confirm_mtp(content: bytes, frames: Sequence[Frame]) -> None:
    """Energies stand below their titles, atoms in the lines below theirs, as many as Size says."""
    text = content.decode(errors="replace").replace("\r\n", "\n").replace("\r", "\n")
    blocks = re.split(r"(?m)^\s*BEGIN_CFG\s*$", text)[1:]
    assert len(blocks) == len(frames)
    for frame, block in zip(frames, blocks, strict=True):
        lines = [line.split() for line in block.split("\n") if line.strip()]
        titles = [line[0] for line in lines]
        assert float(lines[titles.index("Size") + 1][0]) == frame.n_atoms
        if frame.energy is not None:
            at = titles.index("Energy")
            assert float(lines[at][1] if len(lines[at]) > 1 else lines[at + 1][0]) == frame.energy
        names = lines[titles.index("AtomData:")]
        start = titles.index("AtomData:") + 1
        rows = lines[start : start + frame.n_atoms]
        if names[1:6] == ["id", "type", "cartes_x", "cartes_y", "cartes_z"]:
            rows = sorted(rows, key=lambda row: float(row[0]))
            np.testing.assert_array_equal(
                frame.positions, [[float(word) for word in row[2:5]] for row in rows]
            )
            expected = [{"0": 1, "1": 14}[row[1]] for row in rows]
            assert frame.numbers.tolist() == expected
        if frame.forces is not None and names[6:] == ["fx", "fy", "fz"]:
            np.testing.assert_array_equal(
                np.sort(np.ravel(frame.forces)),
                np.sort([float(word) for row in rows for word in row[5:8]]),
            )


def confirm_abacus(content: bytes, frames: Sequence[Frame]) -> None:
    """Energies and the first force of each step stand in the text."""
    text = content.decode(errors="replace")
    words = set(text.split())
    for frame in frames:
        assert any(_is_float(word) and float(word) == frame.energy for word in words)
        if frame.forces is not None:
            for value in np.ravel(frame.forces):
                assert any(_is_float(word) and float(word) == value for word in words)


def _is_float(word: str) -> bool:
    return re.fullmatch(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?", word) is not None


TEXT_FORMATS: dict[str, tuple[bytes, Callable[[bytes, Sequence[Frame]], None]]] = {
    "extxyz": (EXTXYZ, confirm_extxyz),
    "movement": ((FILES / "MOVEMENT").read_bytes(), confirm_movement),
    "outcar": (OUTCAR.encode(), confirm_outcar),
    "vasprun": (VASPRUN.encode(), confirm_vasprun),
    "cp2k": ((FILES / "cp2k.out").read_bytes(), confirm_cp2k),
    "lammps-dump": ((FILES / "slab.dump").read_bytes(), confirm_dump),
    "espresso": ((FILES / "vc_relax.pwo").read_bytes(), confirm_printed),
    "abinit": ((FILES / "datasets.abo").read_bytes(), confirm_printed),
    "castep": ((FILES / "md.castep").read_bytes(), confirm_printed),
    "mtp": (MTP, confirm_mtp),
    "abacus": ((FILES / "running_relax.log").read_bytes(), confirm_abacus),
}


def fuzz_text(file_format: str, n_inputs: int, folder: Path) -> tuple[int, int]:
    """Numbers of inputs that were read in full and that were refused, in part or whole."""
    content, confirm = TEXT_FORMATS[file_format]
    rng = np.random.default_rng(n_inputs)
    path = folder / "damaged"
    path.write_bytes(content)
    n_frames = len(read_frames(path, file_format, species=SPECIES))
    n_read = 0
    for idx in range(n_inputs):
        damaged = mutated(rng, content)
        path.write_bytes(damaged)
        try:
            frames = frames_or_none(path, file_format)
            if frames is not None:
                confirm(damaged, frames)
                n_read += len(frames) == n_frames
        except Exception as error:
            raise AssertionError(f"input {idx}: {damaged!r}") from error
    return n_read, n_inputs - n_read


def fuzz_pwdata(n_inputs: int, folder: Path, frames: Sequence[Frame]) -> tuple[int, int]:
    """One array of the folder is damaged at a time; numpy confirms what is read."""
    write_frames(folder / "set", "pwdata", frames)
    (leaf,) = (folder / "set").iterdir()
    contents = {path: path.read_bytes() for path in sorted(leaf.glob("*.npy"))}
    rng = np.random.default_rng(n_inputs)
    n_read = 0
    for _ in range(n_inputs):
        path = list(contents)[rng.integers(len(contents))]
        path.write_bytes(mutated(rng, contents[path]))
        found = frames_or_none(leaf, "pwdata")
        if found is not None:
            confirm_pwdata(leaf, found)
            n_read += 1
        path.write_bytes(contents[path])
    return n_read, n_inputs - n_read


def confirm_pwdata(leaf: Path, frames: Sequence[Frame]) -> None:
    """Energies, forces and elements are the arrays' rows."""
    arrays = {name: np.load(leaf / f"{name}.npy") for name in ("energies", "forces", "image_type")}
    assert [frame.energy for frame in frames] == arrays["energies"].ravel().tolist()
    for frame, row in zip(frames, arrays["forces"], strict=True):
        np.testing.assert_array_equal(np.ravel(frame.forces), np.ravel(row))
        np.testing.assert_array_equal(frame.numbers, arrays["image_type"].ravel())


RAW = {
    "type.raw": b"1\n0\n",
    "type_map.raw": b"H\nSi\n",
    "coord.raw": b"0.5 0 0 1 2 3\n0 0.25 0 1 2 4\n",
    "box.raw": b"5 0 0 0 5 0 0 0 5\n5 0 0 0 5 0 0 0 6\n",
    "energy.raw": b"-1.5\n-2.5\n",
    "force.raw": b"1 2 3 4 5 6\n1 2 3 4 5 7\n",
}


def fuzz_raw(n_inputs: int, folder: Path) -> tuple[int, int]:
    """One file of a DeePMD system of text is damaged at a time; numpy confirms what is read."""
    rng = np.random.default_rng(n_inputs)
    leaf = folder / "system"
    leaf.mkdir()
    for name, content in RAW.items():
        (leaf / name).write_bytes(content)
    n_read = 0
    for _ in range(n_inputs):
        name = list(RAW)[rng.integers(len(RAW))]
        (leaf / name).write_bytes(mutated(rng, RAW[name]))
        found = frames_or_none(leaf, "deepmd")
        if found is not None:
            n_read += 1
            texts = {file: (leaf / f"{file}.raw").read_text() for file in ("energy", "force")}
            numbers = {file: [float(word) for word in text.split()] for file, text in texts.items()}
            assert [frame.energy for frame in found] == numbers["energy"]
            forces = np.concatenate([np.ravel(frame.forces) for frame in found])
            np.testing.assert_array_equal(forces, numbers["force"])
        (leaf / name).write_bytes(RAW[name])
    return n_read, n_inputs - n_read


def fuzz_ase_files(n_inputs: int, folder: Path) -> tuple[int, int]:
    """Trajectories, databases and their JSON: frames or a DataError."""
    contents = {}
    for name in ("a.traj", "a.db", "a.json"):
        ase.io.write(folder / name, [ase.Atoms("HSi", [[0, 0, 0], [0, 0, 1.5]], cell=[4, 4, 4])])
        contents[name] = (folder / name).read_bytes()
    formats = {"a.traj": "ase-trajectory", "a.db": "ase-database", "a.json": "ase-json"}
    rng = np.random.default_rng(n_inputs)
    n_read = 0
    for idx in range(n_inputs):
        name = list(formats)[idx % 3]
        (folder / "damaged").write_bytes(mutated(rng, contents[name]))
        n_read += frames_or_none(folder / "damaged", formats[name]) is not None
    return n_read, n_inputs - n_read


@pytest.fixture
def scratch(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path
    shutil.rmtree(tmp_path, ignore_errors=True)


@pytest.mark.parametrize("file_format", TEXT_FORMATS)
def test_damaged_text_is_read_right_or_refused(file_format: str, scratch: Path) -> None:
    """No crash, no number that stands elsewhere in the file; some of both outcomes."""
    n_inputs = FEW_INPUTS if len(TEXT_FORMATS[file_format][0]) < LONG_INPUT else FEW_INPUTS // 4
    n_read, n_refused = fuzz_text(file_format, n_inputs, scratch)
    assert min(n_read, n_refused) > n_inputs // 50


def test_damaged_arrays_are_read_right_or_refused(
    random_frame: Callable[..., Frame], scratch: Path
) -> None:
    """Headers, lengths and bytes of the .npy files."""
    frames = [random_frame(1, 3), random_frame(1, 3)]
    n_read, n_refused = fuzz_pwdata(FEW_INPUTS, scratch, frames)
    assert min(n_read, n_refused) > FEW_INPUTS // 50


def test_damaged_systems_of_text_are_read_right_or_refused(scratch: Path) -> None:
    """Counts of numbers and lines in each file."""
    n_read, n_refused = fuzz_raw(FEW_INPUTS, scratch)
    assert min(n_read, n_refused) > FEW_INPUTS // 50


def test_damaged_files_of_ase_are_read_or_refused(scratch: Path) -> None:
    """Binary and JSON."""
    n_read, n_refused = fuzz_ase_files(FEW_INPUTS // 2, scratch)
    assert min(n_read, n_refused) > FEW_INPUTS // 50


@pytest.mark.slow
@pytest.mark.timeout(7200)
def test_many_damaged_systems_and_files_of_ase(scratch: Path) -> None:
    """The same, longer."""
    print("deepmd text", *fuzz_raw(MANY_INPUTS, scratch))
    print("ase", *fuzz_ase_files(MANY_INPUTS // 4, scratch))


@pytest.mark.slow
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("file_format", TEXT_FORMATS)
def test_much_damaged_text(file_format: str, scratch: Path) -> None:
    """The same, longer."""
    print(file_format, *fuzz_text(file_format, MANY_INPUTS, scratch))


@pytest.mark.slow
@pytest.mark.timeout(7200)
def test_many_damaged_arrays(random_frame: Callable[..., Frame], scratch: Path) -> None:
    """The same, longer."""
    print("pwdata", *fuzz_pwdata(MANY_INPUTS, scratch, [random_frame(1, 3), random_frame(1, 3)]))
