"""Selecting frames: every key, alone and together, in the command and in a recipe."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import attrs
import numpy as np
import pytest
from ase.geometry import get_distances
from click.testing import CliRunner, Result

from nepforge.cli import commands
from nepforge.data.farthest import farthest_points
from nepforge.data.formats.write import write_frames
from nepforge.data.frame import Frame, load_frames
from nepforge.data.select import select, select_by_conditions
from nepforge.errors import DataError, UsageError
from nepforge.evaluate.descriptors import frame_descriptors
from nepforge.events import Event
from nepforge.formats.potential_file import write_potential
from nepforge.models.nep.network import NEP
from nepforge.plan.build import build
from nepforge.recipe.load import load_recipe
from nepforge.stages import data as data_stage
from nepforge.stages.context import StageContext
from tests.conftest import random_model

MakeFrame = Callable[..., Frame]


@pytest.fixture
def frames(random_frame: MakeFrame) -> list[Frame]:
    """Twelve frames in two files, with energies -1 to -12 eV/atom and info keys."""
    made = []
    for idx in range(12):
        frame = random_frame(idx, 4 + idx % 4)
        name = "a.xyz" if idx < 8 else "b.xyz"
        made.append(
            attrs.evolve(
                frame,
                energy=-(idx + 1.0) * frame.n_atoms,
                source=f"{name}:{idx % 8}",
                info={"config": "bulk" if idx % 3 else "slab", "T": f"{100 * idx}.0"},
            )
        )
    return made


def chosen(frames: list[Frame], **keys: object) -> list[int]:
    """Places of the selected frames."""
    found = select(frames, keys, np.random.default_rng(0), frame_descriptors)
    assert len(found.frames) + sum(found.left_out.values()) == len(frames)
    return [frames.index(frame) for frame in found.frames]


def test_places_count_in_each_file(frames: list[Frame]) -> None:
    """Slices and every nth frame, as Python cuts; both must hold."""
    assert chosen(frames, slice="2:4") == [2, 3, 10, 11]
    assert chosen(frames, slice="-1:") == [7, 11]
    assert chosen(frames, slice="-2") == [6, 10]
    assert chosen(frames, every=3) == [0, 3, 6, 8, 11]
    assert chosen(frames, slice="1:", every=3) == [3, 6, 11]


def test_ranges_hold_both_ends(frames: list[Frame]) -> None:
    """Energy of an atom, largest force, shortest distance, against numbers from numpy and ASE."""
    assert chosen(frames, energy="-5:-3") == [2, 3, 4]
    assert chosen(frames, energy=":-11") == [10, 11]
    largest = [float(np.linalg.norm(np.asarray(f.forces), axis=1).max()) for f in frames]
    middle = sorted(largest)[5]
    assert chosen(frames, force=f":{middle!r}") == [
        idx for idx, force in enumerate(largest) if force <= middle
    ]
    shortest = []
    for frame in frames:
        _, lengths = get_distances(frame.positions, cell=frame.cell, pbc=True)
        shortest.append(float(lengths[lengths > 0].min()))
    limit = 0.5 * (sorted(shortest)[5] + sorted(shortest)[6])
    far = [idx for idx, length in enumerate(shortest) if length >= limit]
    assert chosen(frames, distance=f"{limit}:") == far
    assert chosen(frames, distance=f":{limit}") == sorted({*range(12)} - {*far})
    assert chosen(frames, distance=f"{limit}:100") == far


def test_compositions_are_told_by_elements_and_formulas() -> None:
    """All required, none forbidden; a formula in any multiple and order."""
    cell = 9.0 * np.eye(3)
    made = [
        Frame(np.array(numbers), np.arange(3.0 * len(numbers)).reshape(-1, 3), cell, energy=0.0)
        for numbers in ([72, 8, 8], [8, 72, 8, 8, 8, 72], [72], [8, 8], [1, 8, 1])
    ]
    assert chosen(made, elements=["Hf", "O"]) == [0, 1]
    assert chosen(made, without=["Hf"]) == [3, 4]
    assert chosen(made, formula=["O2Hf"]) == [0, 1]
    assert chosen(made, formula=["Hf", "H2O"]) == [2, 4]
    assert chosen(made, elements=["O"], without=["H"], formula=["HfO2"]) == [0, 1]


def test_info_keys_have_texts_numbers_and_ranges(frames: list[Frame]) -> None:
    """Of one key one value holds, of several keys all."""
    assert chosen(frames, info={"config": "slab"}) == [0, 3, 6, 9]
    assert chosen(frames, info={"T": "300"}) == [3]
    assert chosen(frames, info={"T": ["300", "500:700"]}) == [3, 5, 6, 7]
    assert chosen(frames, info={"T": ["300", "500:700"], "config": "slab"}) == [3, 6]
    with pytest.raises(
        DataError, match="none of 12 frames is selected: left out 12 by info config"
    ):
        chosen(frames, info={"config": "wire"})
    with pytest.raises(DataError, match='no frame has the key "confg"') as error:
        chosen(frames, info={"confg": "slab"})
    assert error.value.hint == 'did you mean "config"? keys in the files: T, config'


def test_frames_without_the_label_are_left_out(frames: list[Frame]) -> None:
    """Not taken for zero."""
    bare = [attrs.evolve(frames[0], energy=None, forces=None), *frames[1:]]
    assert 0 not in chosen(bare, energy="-100:100")
    assert 0 not in chosen(bare, force=":1000")


def test_random_samples_are_seeded_and_complete(frames: list[Frame]) -> None:
    """In the order of the files; more than there are is all."""
    first = select(frames, {"random": 5}, np.random.default_rng(3), frame_descriptors).frames
    again = select(frames, {"random": 5}, np.random.default_rng(3), frame_descriptors).frames
    other = select(frames, {"random": 5}, np.random.default_rng(4), frame_descriptors).frames
    assert [f.source for f in first] == [f.source for f in again]
    assert [f.source for f in first] != [f.source for f in other]
    places = [frames.index(frame) for frame in first]
    assert places == sorted(set(places))
    assert chosen(frames, random=50) == list(range(12))


@pytest.mark.parametrize(
    "keys",
    [
        {"energy": "-3:-5"}, {"energy": "low:high"}, {"force": ":"}, {"force": "3"},
        {"distance": "nan:"}, {"distance": "1:inf"}, {"slice": "a:b"}, {"slice": "::-1"},
        {"slice": "::0"}, {"slice": ""}, {"every": 0}, {"elements": ["Xx"]}, {"formula": ["hfo"]},
        {"formula": ["Xy2"]},
    ],
)  # fmt: skip
def test_values_that_mean_nothing_are_refused(frames: list[Frame], keys: dict[str, object]) -> None:
    """By name, with an example of what is expected."""
    with pytest.raises(UsageError):
        chosen(frames, **keys)


def test_farthest_points_on_a_line() -> None:
    """By hand: the one nearest to the mean, then the ends, then the widest gap; copies never."""
    line = np.array([0.0, 1.0, 1.0, 4.5, 10.0])[:, None]
    assert farthest_points(line, 4) == [3, 4, 0, 1]
    assert farthest_points(line, 9) == [3, 4, 0, 1]
    assert farthest_points(np.zeros((3, 2)), 2) == [0]


def test_components_of_other_size_count_alike() -> None:
    """A component a thousand times as large does not decide alone; a constant one says nothing."""
    rng = np.random.default_rng(0)
    points = rng.uniform(size=(30, 2))
    scaled = np.column_stack([points * [1000.0, 1.0], np.full(30, 7.0)])
    assert farthest_points(points, 8) == farthest_points(scaled, 8)


def test_descriptors_are_invariant_and_tell_frames_apart(random_frame: MakeFrame) -> None:
    """Rotation, order of atoms and a repeated cell change nothing, a moved atom does."""
    frame = random_frame(2)
    rotation = np.linalg.qr(np.random.default_rng(1).normal(size=(3, 3)))[0]
    turned = attrs.evolve(frame, positions=frame.positions @ rotation, cell=frame.cell @ rotation)
    mixed = attrs.evolve(frame, positions=frame.positions[::-1], numbers=frame.numbers[::-1])
    double = attrs.evolve(
        frame,
        numbers=np.tile(frame.numbers, 2),
        positions=np.concatenate([frame.positions, frame.positions + frame.cell[1]]),
        cell=frame.cell * [[1.0], [2.0], [1.0]],
        forces=None,
    )
    moved = attrs.evolve(frame, positions=frame.positions + np.eye(frame.n_atoms, 3) * 0.1)
    vectors = frame_descriptors([frame, turned, mixed, double, moved])
    for same in vectors[1:4]:
        np.testing.assert_allclose(same, vectors[0], rtol=1e-9, atol=1e-9)
    assert abs(vectors[4] - vectors[0]).max() > 1e-3


def test_farthest_frames_cover_what_random_ones_miss(random_frame: MakeFrame) -> None:
    """One compressed frame among many alike is taken among the first three."""
    alike = [random_frame(3) for _ in range(20)]
    rng = np.random.default_rng(0)
    near = [
        attrs.evolve(f, positions=f.positions + rng.normal(0.0, 0.01, f.positions.shape))
        for f in alike
    ]
    odd = attrs.evolve(near[7], positions=0.9 * near[7].positions, cell=0.9 * near[7].cell)
    assert 7 in chosen([*near[:7], odd, *near[8:]], farthest=3)


def data(*words: object) -> Result:
    return CliRunner().invoke(commands, ["data", *map(str, words)])


def test_the_command_says_why_frames_left(random_frame: MakeFrame, tmp_path: Path) -> None:
    """Counts by reason, the frames as they were; nothing given and nothing left are errors."""
    made = [attrs.evolve(random_frame(idx), energy=-7.0 * idx) for idx in range(10)]
    write_frames(tmp_path / "in.xyz", "extxyz", made)
    out = tmp_path / "out.xyz"
    result = data(
        "select", tmp_path / "in.xyz", out, "--slice", "2:", "--energy", "-7.5:-3", "--random", 2
    )
    assert result.exit_code == 0, result.output
    assert result.output == (
        f"wrote 2 of 10 frames to {out}; left out: 2 by slice, 3 by energy, 3 by random\n"
    )
    for words, status, text in (
        ((), 2, "no condition given"),
        (("--energy", "1:2"), 1, "none of 10 frames is selected: left out 10 by energy"),
        (("--info", "T"), 2, "expected KEY=VALUE"),
        (("--elements", "Hf,Xx"), 2, '"Xx" is not a chemical symbol'),
        (("--every", 0), 2, "--every"),
    ):
        result = data("select", tmp_path / "in.xyz", tmp_path / "none.xyz", *words)
        assert (result.exit_code, text in result.output) == (status, True), result.output
    assert not (tmp_path / "none.xyz").exists()


def test_descriptors_of_a_given_model_are_taken(random_frame: MakeFrame, tmp_path: Path) -> None:
    """--model; another element than it knows is an error."""
    model = NEP(("Hf", "O"), (4.0, 3.0), (2, 2), (3, 3), 2, (), 4)
    write_potential(tmp_path / "nep_model.ckpt", random_model(model, 1))
    write_frames(tmp_path / "in.xyz", "extxyz", [random_frame(idx) for idx in range(6)])
    words = ["select", tmp_path / "in.xyz", tmp_path / "out.xyz", "--farthest", 2]
    result = data(*words, "--model", tmp_path / "nep_model.ckpt")
    assert "wrote 2 of 6 frames" in result.output, result.output
    found = frame_descriptors([random_frame(1)], tmp_path / "nep_model.ckpt")
    assert found.shape == (1, 2 * model.n_descriptor)


RECIPE = """
schema = 1
name = "select"
seed = 1
threads = 1
[data]
species = ["Hf", "O"]
train = ["train.xyz"]
validation = ["valid.xyz"]
{select}
[model]
kind = "nep"
cutoff = [4.0, 3.0]
n_max = [2, 2]
basis_size = [3, 3]
l_max = 2
invariants = []
neurons = 4
[optimizer]
kind = "lkf"
epochs = 1
batch_size = 1
force_groups = 1
p0_weight = 1.0
weights = {{ energy = 1.0, force = 1.0, virial = 0.0 }}
"""


def test_a_recipe_selects_before_it_examines(random_frame: MakeFrame, tmp_path: Path) -> None:
    """Ranges hold for validation, places for training alone; what is left out may be bad."""
    made = [attrs.evolve(random_frame(idx), energy=-60.0 - idx) for idx in range(9)]
    zero = [attrs.evolve(random_frame(20 + idx), energy=0.0) for idx in range(2)]  # an error
    write_frames(tmp_path / "train.xyz", "extxyz", [*made[:6], zero[0]])
    write_frames(tmp_path / "valid.xyz", "extxyz", [*made[6:], zero[1]])
    table = '[data.select]\nslice = "2:"\nenergy = ":-8"\n'
    (tmp_path / "r.toml").write_text(RECIPE.format(select=table))
    stage = build(load_recipe(tmp_path / "r.toml")).stages[0]
    assert stage.json["data"]["select"] == {"slice": "2:", "energy": ":-8"}
    out = tmp_path / "out"
    out.mkdir()
    events: list[Event] = []
    inputs = {name: source.path for name, source in stage.sources.items()}
    context = StageContext("data", out, tmp_path, 1, events.append, lambda: False)
    data_stage.run(stage.table, inputs, context)
    assert [f.energy for f in load_frames(out / "train.npz")] == [-62.0, -63.0, -64.0, -65.0]
    assert [f.energy for f in load_frames(out / "valid.npz")] == [-66.0, -67.0, -68.0]
    report = json.loads((out / "report.json").read_text())["left_out_by_selection"]
    assert report == {"train": {"slice": 2, "energy": 1}, "validation": {"energy": 1}}
    assert any("selected 4 of 7 frames" in str(event) for event in events)


def test_selecting_is_in_the_hash_and_its_absence_is_not(
    random_frame: MakeFrame, tmp_path: Path
) -> None:
    """Another slice is another recipe; without the table the stage's table has no such key."""
    for name, seeds in (("train.xyz", range(4)), ("valid.xyz", range(4, 6))):
        write_frames(tmp_path / name, "extxyz", [random_frame(seed) for seed in seeds])
    hashes = set()
    for table in ("", '[data.select]\nslice = "1:"', '[data.select]\nslice = "2:"'):
        (tmp_path / "r.toml").write_text(RECIPE.format(select=table))
        loaded = load_recipe(tmp_path / "r.toml")
        hashes.add(loaded.hash)
        assert ("select" in build(loaded).stages[0].json["data"]) == bool(table)
        assert ("select" in loaded.resolved["data"]) == bool(table)
    assert len(hashes) == 3


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ("", "selects nothing"),
        ('slice = "::-1"', 'expected a string like "100::5"'),
        ('energy = "-3"', 'expected a string like "-9.5:-3.0"'),
        ('energy = "-3:-5"', "expected the lower end first"),
        ("energy = [-5, -3]", 'expected a string like "-9.5:-3.0"'),
        ("every = 0", "expected an integer at least 1"),
        ('elements = ["Xx"]', "that is a chemical symbol"),
        ('formula = ["hfo"]', "like HfO2"),
        ("info = { T = 300 }", "expected a string or an array"),
        ("fartest = 3", 'did you mean "farthest"?'),
    ],
)
def test_mistakes_in_a_recipe_are_found_before_it_runs(
    tmp_path: Path, table: str, words: str
) -> None:
    """With line and column, as of every other key."""
    (tmp_path / "r.toml").write_text(RECIPE.format(select=f"[data.select]\n{table}"))
    result = CliRunner().invoke(commands, ["check", str(tmp_path / "r.toml")])
    assert result.exit_code == 2
    assert words in " ".join(result.output.split())
    assert "data.select" in result.output


def test_conditions_alone_leave_places_and_draws_out(frames: list[Frame]) -> None:
    """As for validation files."""
    keys = {"slice": "2:", "every": 2, "farthest": 1, "random": 1, "energy": ":-11"}
    assert len(select_by_conditions(frames, keys).frames) == 2
    assert select_by_conditions([], keys).frames == []
