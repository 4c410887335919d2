"""Files as people keep them: linked, packed, piped, in trees of runs, half readable."""

from __future__ import annotations

import bz2
import gzip
import lzma
import os
import socket
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import ase.db
import ase.io
import numpy as np
import pyarrow
import pytest
from ase.calculators.singlepoint import SinglePointCalculator
from click.testing import CliRunner, Result

from nepforge.cli import commands
from nepforge.data.datasets import Reading, load, load_sets
from nepforge.data.formats.extxyz.read import read_extxyz
from nepforge.data.formats.options import ReadOptions
from nepforge.data.formats.read import read_frames
from nepforge.data.formats.table import Format
from nepforge.data.formats.write import write_frames
from nepforge.data.frame import Frame
from nepforge.data.sources import data_source, digest, structure_source
from nepforge.errors import DataError
from tests.data.samples import MTP

MakeFrame = Callable[..., Frame]
FILES = Path(__file__).parent / "files"


def data(*words: object, stdin: bytes = b"") -> Result:
    return CliRunner().invoke(commands, ["data", *map(str, words)], input=stdin)


def said(paths: list[Path], **reading: object) -> tuple[list[Frame], list[str]]:
    """Frames and notices."""
    notices: list[str] = []
    return load(paths, Reading(notice=notices.append, **reading)), notices  # type: ignore[arg-type]


@pytest.fixture
def frames(random_frame: MakeFrame) -> list[Frame]:
    return [random_frame(seed) for seed in range(3)]


# links


@pytest.mark.parametrize("layout", ["pwdata", "deepmd"])
def test_linked_systems_are_read_and_hashed(
    random_frame: MakeFrame, tmp_path: Path, layout: str
) -> None:
    """A root of links has the frames and the digest of a root of the folders themselves."""
    plain, linked = tmp_path / "plain" / "root", tmp_path / "linked" / "root"
    linked.mkdir(parents=True)
    for name in ("a", "b"):
        write_frames(plain / name, layout, [random_frame(1 if name == "a" else 2)])
        (linked / name).symlink_to(plain / name)
    assert len(load([linked])) == len(load([plain])) == 2
    assert digest(linked, "") == digest(plain, "")
    assert data_source(linked, "").format == layout


def test_links_in_a_circle_are_refused(random_frame: MakeFrame, tmp_path: Path) -> None:
    """Not read for ever, not left out; the same folder linked twice is no circle."""
    write_frames(tmp_path / "root" / "a", "pwdata", [random_frame(1)])
    (tmp_path / "root" / "again").symlink_to(tmp_path / "root" / "a")
    assert len(load([tmp_path / "root"])) == 2
    (tmp_path / "root" / "a" / "up").symlink_to(tmp_path / "root")
    for read in (load, lambda paths: data_source(paths[0], "")):
        with pytest.raises(DataError, match="leads back to a folder above it"):
            read([tmp_path / "root"])


def test_a_link_to_nothing_is_said(random_frame: MakeFrame, tmp_path: Path) -> None:
    """A system on an unmounted disk does not vanish silently."""
    write_frames(tmp_path / "root" / "a", "pwdata", [random_frame(1)])
    (tmp_path / "root" / "b").symlink_to(tmp_path / "elsewhere")
    found, notices = said([tmp_path / "root"])
    assert len(found) == 1
    assert notices == ["root: b is a symbolic link to nothing, left out"]


def test_a_folder_that_may_not_be_listed_is_an_error(
    random_frame: MakeFrame, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its data would be missing and nobody would know."""
    for name in ("a", "b"):
        write_frames(tmp_path / "root" / name, "pwdata", [random_frame(1)])
    listed = Path.iterdir

    def forbidden(path: Path) -> object:
        if path.name == "b":
            raise PermissionError(13, "Permission denied", str(path))
        return listed(path)

    monkeypatch.setattr(Path, "iterdir", forbidden)
    with pytest.raises(DataError, match="b: cannot be listed: Permission denied"):
        load([tmp_path / "root"])


# compression


def zstd(content: bytes) -> bytes:
    return bytes(pyarrow.compress(content, codec="zstd", asbytes=True))


PACKERS = {
    "gz": gzip.compress,
    "xz": lzma.compress,
    "bz2": bz2.compress,
    "lzma": lambda content: lzma.compress(content, format=lzma.FORMAT_ALONE),
    "zst": zstd,
}


@pytest.mark.parametrize("packer", PACKERS)
@pytest.mark.parametrize("name", ["train.xyz", "train.xyz.{}", "train.xyz.gz", "train"])
def test_a_compression_is_told_by_content(
    frames: list[Frame], tmp_path: Path, packer: str, name: str
) -> None:
    """Whatever the name says; truncated files are reported."""
    write_frames(tmp_path / "plain.xyz", "extxyz", frames)
    path = tmp_path / name.format(packer)
    packed = PACKERS[packer]((tmp_path / "plain.xyz").read_bytes())
    path.write_bytes(packed)
    found = load([path])
    assert [frame.energy for frame in found] == [frame.energy for frame in frames]
    path.write_bytes(packed[: len(packed) - 20])
    with pytest.raises(DataError, match=r"cannot be read|no known format|ends after"):
        load([path])


def test_plain_text_with_the_suffix_of_a_compression_is_read(
    frames: list[Frame], tmp_path: Path
) -> None:
    """As browsers leave it, which unpack and keep the name."""
    write_frames(tmp_path / "plain.xyz", "extxyz", frames)
    (tmp_path / "plain.xyz").rename(tmp_path / "train.xyz.gz")
    assert len(load([tmp_path / "train.xyz.gz"])) == 3


def test_archives_are_refused_by_name(tmp_path: Path) -> None:
    """zip, tar inside gzip, compress: unpack first."""
    with zipfile.ZipFile(tmp_path / "train.xyz", "w") as archive:
        archive.writestr("train.xyz", "1\n\nH 0 0 0\n")
    (tmp_path / "a.xyz").write_text("1\n\nH 0 0 0\n")
    with tarfile.open(tmp_path / "OUTCAR.tar.gz", "w:gz") as tar:
        tar.add(tmp_path / "a.xyz")
    (tmp_path / "a.xyz.Z").write_bytes(b"\x1f\x9d\x90abc")
    for name, words in (
        ("train.xyz", "a zip archive"),
        ("OUTCAR.tar.gz", "a tar archive"),
        ("a.xyz.Z", "compressed by compress"),
    ):
        result = data("show", tmp_path / name)
        assert result.exit_code == 1
        assert words in result.output
        assert "unpack it first" in result.output


# text


TEXT = b'1\nenergy=-1.5 Lattice="4 0 0 0 4 0 0 0 4" Properties=species:S:1:pos:R:3\nH 0 0 0\n'


@pytest.mark.parametrize(
    "text",
    [b"\xef\xbb\xbf" + TEXT, TEXT.replace(b"\n", b"\r\n"), TEXT.replace(b"\n", b"\r")],
    ids=["byte order mark", "Windows", "old Mac"],
)
def test_text_of_other_systems_is_read(tmp_path: Path, text: bytes) -> None:
    """By name and by content alike."""
    for name in ("a.xyz", "frames"):
        (tmp_path / name).write_bytes(text)
        assert load([tmp_path / name])[0].energy == -1.5


@pytest.mark.parametrize("name", ["MOVEMENT", "POSCAR", "pw.out", "cp2k.out", "vasprun.xml"])
def test_a_byte_order_mark_does_no_harm(tmp_path: Path, name: str) -> None:
    """In any format of text."""
    (tmp_path / name).write_bytes(b"\xef\xbb\xbf" + (FILES / name).read_bytes())
    marked, plain = load([tmp_path / name]), load([FILES / name])
    assert [frame.energy for frame in marked] == [frame.energy for frame in plain]
    np.testing.assert_array_equal(marked[0].positions, plain[0].positions)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be"])
def test_utf_16_is_refused(tmp_path: Path, encoding: str) -> None:
    """With or without its mark."""
    (tmp_path / "a.xyz").write_bytes(TEXT.decode().encode(encoding))
    result = data("show", tmp_path / "a.xyz")
    assert "is UTF-16 text or a binary file, expected UTF-8" in result.output


# no files


@pytest.mark.timeout(20)
def test_pipes_sockets_and_devices_are_refused_without_waiting(tmp_path: Path) -> None:
    """As data, as structure, inside a folder of arrays."""
    os.mkfifo(tmp_path / "pipe.xyz")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "socket.xyz"))
    (tmp_path / "sys" / "set.000").mkdir(parents=True)
    (tmp_path / "sys" / "type.raw").write_text("0")
    os.mkfifo(tmp_path / "sys" / "set.000" / "coord.npy")
    for path, words in (
        (tmp_path / "pipe.xyz", "is a pipe"),
        (tmp_path / "socket.xyz", "is a socket"),
        (Path("/dev/zero"), "is a device"),
        (tmp_path / "sys", "is a pipe"),
    ):
        result = data("show", path)
        assert (result.exit_code, words in result.output) == (1, True), result.output
    with pytest.raises(DataError, match="is a pipe"):
        read_frames(tmp_path / "pipe.xyz", "extxyz")
    with pytest.raises(DataError, match="is a pipe"):
        structure_source(tmp_path / "pipe.xyz")


def test_a_file_without_rights_is_an_error_of_its_own(
    frames: list[Frame], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not "no known format"."""
    write_frames(tmp_path / "a.xyz", "extxyz", frames)

    def forbidden(path: Path, *_: object, **__: object) -> object:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "open", forbidden)
    result = data("show", tmp_path / "a.xyz")
    assert result.exit_code == 1
    assert "Permission denied" in result.output


def test_a_file_that_changes_while_it_is_read_is_refused(
    frames: list[Frame], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rewritten: an error. Grown, as the output of a running job: said."""
    path = tmp_path / "a.xyz"
    write_frames(path, "extxyz", frames)
    content = path.read_bytes()

    reader = read_extxyz
    notices: list[str] = []

    def writing(new: bytes) -> None:
        def read(file: Path, options: ReadOptions) -> list[Frame]:
            found = reader(file, options)
            file.write_bytes(new)
            return found

        monkeypatch.setattr(Format, "reader", lambda _row: read)

    writing(content + content)
    assert len(read_frames(path, "extxyz", notice=notices.append)) == 3
    assert notices == ["a.xyz: grew while it was read; what came last may be missing"]
    writing(content[:10])
    with pytest.raises(DataError, match="changed while it was read"):
        read_frames(path, "extxyz")


# standard input


def test_standard_input_is_read(frames: list[Frame], tmp_path: Path) -> None:
    """Format by content, packed or not, or by --from; beside other files."""
    write_frames(tmp_path / "a.xyz", "extxyz", frames)
    content = (tmp_path / "a.xyz").read_bytes()
    for stdin in (content, gzip.compress(content)):
        result = data(
            "convert", "-", tmp_path / "a.xyz", tmp_path / f"{len(stdin)}.xyz", stdin=stdin
        )
        assert "wrote 6 frames" in result.output
    shown = data("show", "-", stdin=content)
    assert shown.output.splitlines()[1].split()[:2] == ["stdin", "3"]
    poscar = (FILES / "POSCAR").read_bytes()
    assert "Si" in data("show", "-", stdin=poscar).output
    assert "Si" in data("show", "-", "--from", "poscar", stdin=poscar).output
    assert "H1Si1" in data("show", "-", stdin=(FILES / "bare_atom.config").read_bytes()).output


def test_standard_input_that_cannot_be_read_is_said() -> None:
    """Named twice, empty, of no known format."""
    assert data("show", "-", "-", stdin=TEXT).exit_code == 2
    assert "has no known format" in data("show", "-", stdin=b"").output
    assert "--from names it" in data("show", "-", stdin=b"hello").output


# runs


def test_a_tree_of_runs_is_read(tmp_path: Path) -> None:
    """Every output below, named by its place; of two in one folder one, and that is said."""
    content = (FILES / "vasprun.xml").read_bytes()
    for folder in ("300K/1", "300K/2", "600K", "600K/rerun"):
        (tmp_path / "runs" / folder).mkdir(parents=True)
    (tmp_path / "runs" / "300K" / "1" / "vasprun.xml").write_bytes(content)
    (tmp_path / "runs" / "300K" / "2" / "vasprun.xml.gz").write_bytes(gzip.compress(content))
    (tmp_path / "runs" / "600K" / "vasprun.xml").write_bytes(content)
    (tmp_path / "runs" / "600K" / "rerun" / "relax_vasprun.xml").write_bytes(content)
    (tmp_path / "runs" / "600K" / "notes.txt").write_text("hello")
    found, notices = said([tmp_path / "runs"])
    assert [frame.source for frame in found] == [
        "runs/300K/1/vasprun.xml:0",
        "runs/300K/2/vasprun.xml.gz:0",
        "runs/600K/vasprun.xml:0",
        "runs/600K/rerun/relax_vasprun.xml:0",
    ]
    assert {frame.energy for frame in found} == {-10.6}
    assert notices == []
    assert len(load([tmp_path / "runs" / "300K" / "1"])) == 1
    (tmp_path / "runs" / "pwmat").mkdir()
    (tmp_path / "runs" / "pwmat" / "MOVEMENT").write_bytes((FILES / "MOVEMENT").read_bytes())
    assert [frame.energy for frame in load([tmp_path / "runs"])][-2:] == [-31.5, -31.4]


def test_of_two_outputs_of_one_run_one_is_read(shared: Path, tmp_path: Path) -> None:
    """The OUTCAR, and the other is named; the digest covers what is read."""
    folder = tmp_path / "run"
    folder.mkdir()
    outcar = shared / "data" / "samples" / "OUTCAR_diamond_relax"
    (folder / "OUTCAR").symlink_to(outcar)
    before = digest(folder, "")
    (folder / "vasprun.xml").write_bytes((FILES / "vasprun.xml").read_bytes())
    found, notices = said([folder])
    assert {frame.n_atoms for frame in found} == {len(load([outcar])[0].numbers)}
    assert notices == ["run: OUTCAR is read, vasprun.xml beside it is not"]
    assert digest(folder, "") == before


def test_arrays_go_before_the_runs_that_they_were_made_from(
    frames: list[Frame], tmp_path: Path
) -> None:
    """And the runs are said to be passed over."""
    write_frames(tmp_path / "root" / "data", "pwdata", frames[:1])
    (tmp_path / "root" / "vasprun.xml").write_bytes((FILES / "vasprun.xml").read_bytes())
    found, notices = said([tmp_path / "root"])
    assert len(found) == 1
    assert "lie beside the arrays, not read" in notices[0]


def test_runs_below_train_and_valid_are_two_sets(tmp_path: Path) -> None:
    """As arrays are."""
    for part in ("train", "valid"):
        (tmp_path / "root" / part).mkdir(parents=True)
        content = (FILES / "vasprun.xml").read_bytes()
        (tmp_path / "root" / part / "vasprun.xml").write_bytes(content)
    sets = load_sets([tmp_path / "root"])
    assert (len(sets.train), len(sets.valid)) == (1, 1)


# formats of ASE and MLIP, DeePMD as text


@pytest.mark.parametrize("packed", [False, True])
def test_files_of_ase_are_read(frames: list[Frame], tmp_path: Path, packed: bool) -> None:
    """Trajectory, database, JSON: labels and key-value pairs; told by content too."""
    images = []
    for frame in frames:
        atoms = ase.Atoms(frame.numbers, frame.positions, cell=frame.cell, pbc=True)
        atoms.calc = SinglePointCalculator(atoms, energy=frame.energy, forces=frame.forces)
        images.append(atoms)
    ase.io.write(tmp_path / "a.traj", images)
    for name in ("a.db", "a.json"):
        with ase.db.connect(tmp_path / name) as database:
            for idx, atoms in enumerate(images):
                database.write(atoms, config=f"c{idx}", temperature=300.0)
    for name in ("a.traj", "a.db", "a.json"):
        path = tmp_path / name
        if packed:
            path.write_bytes(gzip.compress(path.read_bytes()))
        if not packed and name != "a.json":
            path = path.rename(tmp_path / f"nameless-{name[2:]}")
        found = load([path], Reading(group_by="config"))
        assert [frame.energy for frame in found] == [frame.energy for frame in frames]
        for ours, theirs in zip(found, frames, strict=True):
            np.testing.assert_allclose(ours.forces, theirs.forces, rtol=0, atol=1e-12)
            np.testing.assert_allclose(ours.positions, theirs.positions, rtol=0, atol=1e-12)
        if name != "a.traj":
            assert [frame.group for frame in found] == ["c0", "c1", "c2"]
            assert found[0].info["temperature"] == "300.0"


def test_json_of_other_programs_is_refused(tmp_path: Path) -> None:
    """By the class that it names."""
    (tmp_path / "a.json").write_text('{"@class": "Structure", "lattice": {}}')
    with pytest.raises(DataError, match="is JSON of Structure, expected a database of ASE"):
        load([tmp_path / "a.json"])


def test_configurations_of_mlip_are_read(tmp_path: Path) -> None:
    """Sorted by id; PlusStress is the virial; types are the species; an open Supercell."""
    (tmp_path / "train.cfg").write_text(MTP)
    first, second = load([tmp_path / "train.cfg"], Reading(species=("H", "Si")))
    assert first.numbers.tolist() == [14, 1]
    np.testing.assert_array_equal(first.positions[1], [1.0, 2.5, 4.5])
    np.testing.assert_array_equal(first.forces, [[-0.1, 0.2, -0.3], [0.1, -0.2, 0.3]])
    np.testing.assert_array_equal(first.virial, [[1.0, 0.6, 0.5], [0.6, 2.0, 0.4], [0.5, 0.4, 3.0]])
    assert (first.energy, first.pbc) == (-10.5, (True, True, True))
    assert (second.numbers.tolist(), second.energy, second.pbc) == ([14], None, (False,) * 3)
    with pytest.raises(DataError, match="which elements the MTP types are"):
        load([tmp_path / "train.cfg"])
    with pytest.raises(DataError, match="has type 1, species name the types 0 to 0"):
        load([tmp_path / "train.cfg"], Reading(species=("H",)))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("    2\n Supercell", "    3\n Supercell"),
        ("0.1 -0.2 0.3", "0.1 -0.2"),
        ("PlusStress:", "MinusStress:"),
        ("END_CFG\n\n", "\n\n"),
        ("-10.5", "nan"),
        (" Energy\n", " Energy\n -1\n"),
    ],
)
def test_damaged_configurations_are_refused(tmp_path: Path, old: str, new: str) -> None:
    """Counts, titles and ends are checked."""
    assert old in MTP
    (tmp_path / "train.cfg").write_text(MTP.replace(old, new, 1))
    with pytest.raises(DataError):
        load([tmp_path / "train.cfg"], Reading(species=("H", "Si")))


def deepmd_text(folder: Path, **files: str) -> Path:
    folder.mkdir()
    for name, text in files.items():
        (folder / (name if name == "nopbc" else f"{name}.raw")).write_text(text)
    return folder


def test_deepmd_systems_of_text_are_read(tmp_path: Path) -> None:
    """One frame a line; `nopbc` needs no box; species name the types where no map does."""
    rows = {"coord": "0 0 0 1 2 3\n0 0 0 1 2 4\n", "energy": "-1\n-2\n", "type": "1\n0\n"}
    box = "5 0 0 0 5 0 0 0 5\n" * 2
    full = deepmd_text(
        tmp_path / "full", **rows, box=box, force="1 2 3 4 5 6\n" * 2, type_map="H\nSi\n",
        virial="1 2 3 2 4 5 3 5 6\n" * 2,
    )  # fmt: skip
    first, second = load([full])
    assert (first.numbers.tolist(), second.energy, second.source) == ([14, 1], -2.0, "full:1")
    np.testing.assert_array_equal(second.positions[1], [1, 2, 4])
    np.testing.assert_array_equal(first.forces, [[1, 2, 3], [4, 5, 6]])
    np.testing.assert_array_equal(first.virial, [[1, 2, 3], [2, 4, 5], [3, 5, 6]])
    open_system = deepmd_text(tmp_path / "open", **rows, nopbc="")
    frame = load([open_system], Reading(species=("H", "Si")))[0]
    assert (frame.pbc, frame.numbers.tolist(), frame.forces) == ((False,) * 3, [14, 1], None)
    with pytest.raises(DataError, match=r"type_map\.raw is missing"):
        load([open_system])
    for name, files, words in (
        ("no-box", rows, "box.raw is missing"),
        ("short", {**rows, "box": box, "energy": "-1\n"}, "has 1 lines, coord.raw has 2"),
        ("narrow", {**rows, "box": box, "coord": "0 0 0 1 2\n"}, "has 5 numbers, expected 6"),
    ):
        with pytest.raises(DataError, match=words):
            load([deepmd_text(tmp_path / name, **files)], Reading(species=("H", "Si")))


def test_deepmd_arrays_without_periodicity_need_no_box(
    random_frame: MakeFrame, tmp_path: Path
) -> None:
    """The file `nopbc` says so."""
    write_frames(tmp_path / "sys", "deepmd", [random_frame(1)])
    (box,) = (tmp_path / "sys").rglob("box.npy")
    box.unlink()
    with pytest.raises(DataError, match=r"box\.npy is missing"):
        load([tmp_path / "sys"])
    (box.parent.parent / "nopbc").touch()
    assert load([tmp_path / "sys"])[0].pbc == (False,) * 3


def test_a_lammps_file_called_config_is_told_by_its_content(tmp_path: Path) -> None:
    """MatPL's lmp.config beside PWmat's atom.config."""
    (tmp_path / "lmp.config").write_bytes((FILES / "masses.data").read_bytes())
    (tmp_path / "atom.config").write_bytes((FILES / "bare_atom.config").read_bytes())
    assert data_source(tmp_path / "lmp.config", "").format == "lammps-data"
    assert data_source(tmp_path / "atom.config", "").format == "atom.config"
    assert load([tmp_path / "lmp.config"])[0].numbers.tolist() == [14, 1]
