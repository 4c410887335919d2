"""Two runs side by side."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from nepforge import cli
from nepforge.diff.frames import frame_changes
from nepforge.diff.metrics import MetricPair, p_value
from nepforge.diff.trace import Divergence, first_divergence
from tests.small_run import copy_workspace, make_workspace, run_recipe


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    """A workspace with four runs: two seeds of two recipes."""
    folder = tmp_path_factory.mktemp("runs")
    recipe = make_workspace(folder)
    hashes = [
        run_recipe(recipe, f"seed={seed}", f"model.neurons={neurons}").run_hash
        for neurons in (4, 5)
        for seed in (1, 2)
    ]
    return folder, hashes


def diff(folder: Path, *arguments: str) -> Result:
    command = ["diff", *arguments, "--workspace", str(folder)]
    return CliRunner().invoke(cli.commands, command, prog_name="nepforge")


def test_run_does_not_differ_from_itself(runs: tuple[Path, list[str]]) -> None:
    """Exit status 0, also with --exit-code."""
    folder, (first, *_) = runs
    answer = diff(folder, first[:8], first[:8], "--exit-code")
    assert answer.exit_code == 0
    assert "numbers are the same" in answer.stdout


def test_two_seeds_part_before_the_first_step(runs: tuple[Path, list[str]]) -> None:
    """Key, frames, step, tensors, weights and metrics; --exit-code gives 3."""
    folder, (first, second, *_) = runs
    answer = diff(folder, first, second, "--json", "--exit-code")
    assert answer.exit_code == 3
    found = json.loads(answer.stdout)
    assert found["recipe"] == [{"name": "seed", "first": 1, "second": 2}]
    assert found["trace"]["step"] == 0
    assert found["trace"]["tensors"] == ["network.Hf", "network.O", "c.radial", "c.angular"]
    assert [block["name"] for block in found["weights"]] == found["trace"]["tensors"]
    assert all(block["difference"] > 0 for block in found["weights"])
    assert found["frames"]["moved"]


def test_repeats_with_other_seeds_give_a_significance(runs: tuple[Path, list[str]]) -> None:
    """Two recipes with two seeds each: every metric that varies has a p value."""
    folder, hashes = runs
    found = json.loads(diff(folder, hashes[0], hashes[2], "--json").stdout)
    (pair,) = [m for m in found["metrics"] if m["name"] == "evaluate.valid_force_rmse"]
    assert pair["n_repeats"] == [2, 2]
    assert 0.0 < pair["p_value"] <= 1.0


def test_run_folder_names_a_run_too(runs: tuple[Path, list[str]], tmp_path: Path) -> None:
    """As text and as an HTML page that needs nothing else."""
    folder, (first, second, *_) = runs
    run_folder = folder / "runs" / "small" / second[:12]
    page = tmp_path / "diff.html"
    answer = diff(folder, first[:8], str(run_folder), "--html", str(page))
    assert "the trainings part before the first step" in answer.stdout
    text = page.read_text(encoding="utf-8")
    assert "seed" in text
    assert "http" not in text


def test_files_of_a_clone_are_compared_from_a_shared_cache(
    runs: tuple[Path, list[str]], tmp_path: Path
) -> None:
    """Without it their digests alone are known."""
    folder, (first, second, *_) = runs
    copy_workspace(folder, tmp_path / "clone")
    alone = json.loads(diff(tmp_path / "clone", first, second, "--json").stdout)
    cache = ["--cache", str(folder / ".nepforge")]
    shared = json.loads(diff(tmp_path / "clone", first, second, "--json", *cache).stdout)
    assert (alone["trace_known"], shared["trace_known"]) == ("gone", "compared")
    assert shared["trace"]["step"] == 0


def test_frames_are_told_apart_by_structure_and_labels(tmp_path: Path) -> None:
    """Added, removed, relabelled, replaced in place, moved to the other set."""
    first, second = tmp_path / "first.txt", tmp_path / "second.txt"
    first.write_text(
        "train s0 l0 a.xyz:0\ntrain s1 l1 a.xyz:1\ntrain s2 l2 a.xyz:2\n"
        "valid s3 l3 a.xyz:3\ntrain s4 l4 a.xyz:4\n"
    )
    second.write_text(
        "train s0 l0 b.xyz:0\ntrain s1 x a.xyz:1\ntrain other l2 a.xyz:2\n"
        "train s3 l3 a.xyz:3\ntrain s5 l5 c.xyz:0\n"
    )
    found = frame_changes(first, second)
    assert found.added == ("c.xyz:0",)
    assert found.removed == ("a.xyz:4",)
    assert found.changed == ("a.xyz:2", "a.xyz:1")
    assert found.moved == ("a.xyz:3 to train",)


@pytest.mark.parametrize(
    ("second", "expected"),
    [
        ("step a b\n0 1 1\n1 2 2\n2 3 3\n", None),
        ("step a b\n0 1 1\n1 2 9\n2 9 9\n", Divergence(1, ("b",), (2, 2))),
        ("step a b\n0 9 9\n1 9 9\n2 9 9\n", Divergence(0, ("a", "b"), (2, 2))),
        ("step a b\n0 1 1\n1 2 2\n", Divergence(2, (), (2, 1))),
        ("step a c\n0 1 1\n", Divergence(0, ("b", "c"), (2, 0))),
    ],
)
def test_first_row_that_differs_names_step_and_tensor(
    tmp_path: Path, second: str, expected: Divergence | None
) -> None:
    """A training that ends early, or has other tensors, differs too."""
    paths = tmp_path / "first.txt", tmp_path / "second.txt"
    paths[0].write_text("step a b\n0 1 1\n1 2 2\n2 3 3\n")
    paths[1].write_text(second)
    assert first_divergence(*paths) == expected


def test_welch_test_equals_its_closed_form() -> None:
    """Two pairs of equal spread: 2 degrees of freedom, p = 1 - |t| / sqrt(t² + 2)."""
    t = -4.0 / math.sqrt(2.0)
    expected = 1.0 - abs(t) / math.sqrt(t**2 + 2.0)
    assert p_value([0.0, 2.0], [4.0, 6.0]) == pytest.approx(expected, rel=1e-12)
    assert p_value([1.0], [4.0, 6.0]) is None
    assert p_value([1.0, 1.0], [2.0, 2.0]) is None


def test_missing_metric_is_outside_every_tolerance() -> None:
    """There is nothing to deviate from."""
    assert MetricPair("rmse", "", 1.0, None, allowed=0.1).within is False
    assert MetricPair("rmse", "", 1.0, 1.05, allowed=0.1).within is True
    assert MetricPair("rmse", "", 1.0, 1.05).within is None
