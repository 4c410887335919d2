"""The data stage examines what it reads: errors end it, warnings are said and recorded."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import attrs
import numpy as np
import pytest

from nepforge.data.formats.write import write_frames
from nepforge.data.frame import Frame, load_frames
from nepforge.errors import DataError
from nepforge.events import Event, Message
from nepforge.stages import data
from nepforge.stages.context import StageContext
from tests.stage_tables import data_table

MakeFrame = Callable[..., Frame]


class Bench:
    """Files for the stage, what it says and what it writes."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.events: list[Event] = []
        self.inputs: dict[str, Path] = {}

    def give(self, name: str, frames: list[Frame], *, file: str = "a.xyz") -> None:
        """Write the frames as an input called train.0, validation.0, ..."""
        path = self.folder / name / file
        write_frames(path, "extxyz", frames)
        self.inputs[name] = path

    def run(self, **more: Any) -> dict[str, Any]:
        """Run the stage with more keys of the table; its report."""
        (self.folder / "out").mkdir(exist_ok=True)
        files: dict[str, list[dict[str, str]]] = {"train": [], "validation": []}
        for name in self.inputs:
            entry = {"name": name, "format": "extxyz", "part": ""}
            files[name.partition(".")[0]].append(entry)
        settings = {"validation": None if files["validation"] else 0.25, "files": files} | more
        context = StageContext(
            stage="data",
            out=self.folder / "out",
            state=self.folder,
            threads=1,
            emit=self.events.append,
            stopping=lambda: False,
        )
        data.run(data_table(seed=1, data=settings), self.inputs, context)
        report: dict[str, Any] = json.loads((self.folder / "out" / "report.json").read_text())
        return report

    def said(self, level: str) -> list[str]:
        return [e.text for e in self.events if isinstance(e, Message) and e.level == level]


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def test_findings_are_said_and_recorded(bench: Bench, random_frame: MakeFrame) -> None:
    """A leak becomes a warning with the frame's name; the copy is left out of validation."""
    frames = [random_frame(seed) for seed in range(8)]
    bench.give("train.0", frames)
    bench.give("validation.0", [frames[3], random_frame(20)], file="b.xyz")
    report = bench.run()
    assert any("leak" in text and "b.xyz:0" in text for text in bench.said("warning"))
    leak = next(finding for finding in report["findings"] if finding["code"] == "leak")
    assert leak["frames"] == ["b.xyz:0"]
    assert report["left_out_of_validation"] == ["b.xyz:0"]
    assert [f.source for f in load_frames(bench.folder / "out" / "valid.npz")] == ["b.xyz:1"]


def test_errors_end_the_stage_all_at_once(bench: Bench, random_frame: MakeFrame) -> None:
    """A frame without labels and one with a sentinel, both named; nothing is written."""
    frames = [random_frame(seed) for seed in range(8)]
    frames[2] = random_frame(2, labels=False)
    frames[5] = attrs.evolve(frames[5], virial=np.full((3, 3), -1.0e5))
    bench.give("train.0", frames)
    with pytest.raises(DataError, match=r"no-labels: .*a\.xyz:2(.|\n)*sentinel-virial: .*a\.xyz:5"):
        bench.run()
    assert list((bench.folder / "out").iterdir()) == []


def test_files_of_one_name_are_told_apart(bench: Bench, random_frame: MakeFrame) -> None:
    """Two OUTCAR of two folders: the frames carry the folder too."""
    for idx in range(2):
        frames = [random_frame(seed) for seed in range(10 * idx, 10 * idx + 4)]
        bench.give(f"train.{idx}", frames)
    report = bench.run()
    assert {name.partition(":")[0] for name in report["train"]} == {
        "train.0/a.xyz",
        "train.1/a.xyz",
    }


def test_labels_are_read_under_the_names_of_the_recipe(
    bench: Bench, random_frame: MakeFrame
) -> None:
    """As the doctor and the training see them; what stays unread is a warning."""
    frames = [random_frame(seed) for seed in range(8)]
    bench.give("train.0", frames)
    path = bench.inputs["train.0"]
    path.write_text(path.read_text().replace(" energy=", " dft_energy=").replace("virial=", "W="))
    bench.run(labels={"energy": "dft_energy", "energy_unit": "meV"})
    found = load_frames(bench.folder / "out" / "train.npz")
    by_source = {f"a.xyz:{idx}": frame for idx, frame in enumerate(frames)}
    for frame in found:
        assert frame.energy == pytest.approx(1.0e-3 * (by_source[frame.source].energy or 0.0))
    bench.run()
    assert any("--energy dft_energy" in text for text in bench.said("warning"))


def test_unconverged_frames_are_left_out(bench: Bench, random_frame: MakeFrame) -> None:
    """Of training and validation, with a warning that names them, unless the recipe keeps them."""
    frames = [random_frame(seed) for seed in range(8)]
    frames[3] = attrs.evolve(frames[3], converged=False)
    bench.give("train.0", frames)
    valid = [attrs.evolve(random_frame(20), converged=False), random_frame(21)]
    bench.give("validation.0", valid, file="b.xyz")
    report = bench.run()
    assert [*report["train"], *report["valid"]] == [
        *(f"a.xyz:{n}" for n in (0, 1, 2, 4, 5, 6, 7)),
        "b.xyz:1",
    ]
    (text,) = [text for text in bench.said("warning") if text.startswith("unconverged")]
    assert text.endswith("a.xyz:3, b.xyz:0")
    report = bench.run(unconverged="keep")
    assert (len(report["train"]), len(report["valid"])) == (8, 2)
    found = load_frames(bench.folder / "out" / "train.npz")
    assert [frame.converged for frame in found] == [n != 3 for n in range(8)]


def test_nothing_converged_ends_the_stage(bench: Bench, random_frame: MakeFrame) -> None:
    """Naming the frames, before anything is drawn."""
    frames = [attrs.evolve(random_frame(seed), converged=False) for seed in range(4)]
    bench.give("train.0", frames)
    with pytest.raises(DataError, match=r"all 4 frames did not converge .a\.xyz:0 to a\.xyz:3"):
        bench.run()
