"""Repeating a run: same bits, verdicts, missing data, bundles."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from nepforge import cli
from nepforge.bundle.read import original_from_bundle
from nepforge.bundle.write import PROOF, Bundle, write_bundle
from nepforge.errors import (
    DataMissingError,
    IntegrityError,
    InterruptedRunError,
    LockTimeoutError,
    UsageError,
)
from nepforge.events import EpochFinished, Event
from nepforge.interrupt import StopFlag
from nepforge.ledger.entry import Entry
from nepforge.reproduce.original import (
    DataFinder,
    Original,
    load_original,
    original_from_ledger,
)
from nepforge.reproduce.run import Reproduction, reproduce
from nepforge.reproduce.verdict import Verdict, judge
from nepforge.shared_disk.locks import hold
from nepforge.store.artifacts import Artifacts
from nepforge.store.workspace import Workspace
from tests.small_run import copy_workspace, make_workspace, run_recipe


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A workspace with one run, and the hash of that run."""
    folder = tmp_path_factory.mktemp("published")
    finished = run_recipe(make_workspace(folder), "optimizer.epochs=3")
    return folder, finished.run_hash


@pytest.fixture(scope="module")
def bundle(published: tuple[Path, str], tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    folder, run_hash = published
    space = Workspace(folder)
    target = tmp_path_factory.mktemp("bundle") / "small.zip"
    return write_bundle(space, original_from_ledger(space, run_hash, None), target, with_data=True)


@pytest.fixture
def clone(published: tuple[Path, str], tmp_path: Path) -> Workspace:
    copy_workspace(published[0], tmp_path / "clone")
    return Workspace((tmp_path / "clone").resolve())


def repeat(space: Workspace, original: Original) -> Reproduction:
    return reproduce(space, original, [], command="", stop=StopFlag())


def verdicts(space: Workspace) -> list[Mapping[str, Any]]:
    return [entry.body for entry in space.ledger.entries() if entry.type == "reproduction"]


def nepforge(*arguments: str) -> Result:
    return CliRunner().invoke(cli.commands, list(arguments), prog_name="nepforge")


def test_fresh_clone_repeats_every_bit(published: tuple[Path, str], clone: Workspace) -> None:
    """With the recorded --set; the verdict is an entry of the clone's ledger."""
    result = repeat(clone, original_from_ledger(clone, published[1][:8], None))
    assert result.judgement.verdict == "reproduced"
    assert result.judgement.trace == "same"
    (body,) = verdicts(clone)
    assert body["of"]["hash"] == published[1]
    assert body["outcome"] == "reproduced"
    assert body["artifacts"]["differing"] == {}
    assert body["comparison"]["evaluate.valid_force_rmse"]["within"] is True


def test_command_says_the_verdict_and_exits_with_0(
    published: tuple[Path, str], clone: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of an entry in the ledger of somebody else."""
    (clone.root / "ledger" / "ledger.jsonl").unlink()
    (clone.root / "ledger" / "heads").unlink()
    monkeypatch.chdir(clone.root)
    ledger = str(published[0] / "ledger" / "ledger.jsonl")
    answer = nepforge("reproduce", published[1][:8], "--ledger", ledger, "--plain")
    assert (answer.exit_code, "REPRODUCED bitwise" in answer.stdout) == (0, True), answer.output
    answer = nepforge("ledger", "log", "--json")
    row = json.loads(answer.stdout)
    assert (row["type"], row["outcome"]) == ("reproduction", "reproduced")


def test_other_data_are_refused_and_recorded(published: tuple[Path, str], clone: Workspace) -> None:
    """Exit status 5, both digests, and an entry that says so."""
    data = clone.root / "data" / "few.xyz"
    data.write_text(data.read_text().replace("energy=-112.4", "energy=-112.5", 1))
    with pytest.raises(DataMissingError, match=r"data.train\[0\].sha256: [0-9a-f]{12} found") as e:
        repeat(clone, original_from_ledger(clone, published[1], None))
    assert e.value.exit_code == 5
    assert [body["outcome"] for body in verdicts(clone)] == ["unverifiable"]
    data.unlink()
    with pytest.raises(DataMissingError, match="do not exist"):
        repeat(clone, original_from_ledger(clone, published[1], None))
    original = original_from_ledger(clone, published[1], published[0] / "data")
    loaded = load_original(original, clone.hidden, DataFinder(original))
    assert loaded.hash == original.body["recipe"]["hash"]


def test_interrupted_repetition_goes_on(published: tuple[Path, str], clone: Workspace) -> None:
    """No verdict is recorded for the first part, and the end is the same."""
    stop = StopFlag()

    def after_one_epoch(event: Event) -> None:
        if isinstance(event, EpochFinished):
            stop.set(15)

    original = original_from_ledger(clone, published[1], None)
    with pytest.raises(InterruptedRunError):
        reproduce(clone, original, [after_one_epoch], command="", stop=stop)
    assert verdicts(clone) == []
    events: list[Event] = []
    result = reproduce(clone, original, [events.append], command="", stop=StopFlag())
    assert result.judgement.verdict == "reproduced"
    assert any(getattr(event, "cached", False) for event in events)


def test_second_process_is_told_who_repeats(published: tuple[Path, str], clone: Workspace) -> None:
    """Two repetitions of one run would interfere."""
    original = original_from_ledger(clone, published[1], None)
    lock = clone.lock(f"reproduce-{published[1][:12]}")
    with hold(lock), pytest.raises(LockTimeoutError):
        repeat(clone, original)


def test_only_finished_runs_can_be_repeated(clone: Workspace) -> None:
    """A verdict or an interrupted run cannot be repeated."""
    entry = clone.ledger.append("run", {"name": "x", "outcome": "interrupted"})
    with pytest.raises(UsageError, match="a run that interrupted, expected a finished run"):
        original_from_ledger(clone, entry.hash, None)


def test_bundle_is_repeated_from_the_zip_alone(
    published: tuple[Path, str], bundle: Bundle, tmp_path: Path
) -> None:
    """With only the recipe, data and ledger entry inside it."""
    space = Workspace(tmp_path.resolve())
    result = repeat(space, original_from_bundle(space, bundle.path, "", None))
    assert (bundle.missing, result.judgement.verdict) == ((), "reproduced")
    assert verdicts(space)[0]["of"]["hash"] == published[1]


def test_bundle_describes_every_file_in_it(bundle: Bundle) -> None:
    """Each with its digest, as a part of the crate; the recipe is the workflow."""
    with zipfile.ZipFile(bundle.path) as archive:
        names = set(archive.namelist())
        graph = {
            node["@id"]: node
            for node in json.loads(archive.read("ro-crate-metadata.json"))["@graph"]
        }
    parts = {part["@id"] for part in graph["./"]["hasPart"]}
    assert parts == names - {"ro-crate-metadata.json"}
    assert graph["./"]["mainEntity"]["@id"] == "recipe/small.toml"
    assert graph["#run"]["object"] == {"@id": "data/data/few.xyz"}
    assert {"artifacts/train/nep_model.ckpt", "ledger/entry.tlog-proof"} <= names
    assert all(len(graph[name]["sha256"]) == 64 for name in parts)


def test_bundle_without_data_takes_them_from_a_folder(
    published: tuple[Path, str], tmp_path: Path
) -> None:
    """--no-data keeps the digests; --data brings the files."""
    space = Workspace(published[0])
    target = tmp_path / "small.zip"
    write_bundle(space, original_from_ledger(space, published[1], None), target, with_data=False)
    other = Workspace((tmp_path / "other").resolve())
    with pytest.raises(DataMissingError):
        repeat(other, original_from_bundle(other, target, "", None))
    original = original_from_bundle(other, target, published[1][:6], published[0] / "data")
    loaded = load_original(original, other.hidden, DataFinder(original))
    assert loaded.hash == original.body["recipe"]["hash"]


def test_bundle_takes_what_is_missing_from_a_remote_store(
    published: tuple[Path, str], clone: Workspace, tmp_path: Path
) -> None:
    """A clone has the ledger, others have the files."""
    remote = f"{published[0]}/.nepforge/cache"
    target = tmp_path / "small.zip"
    options = ["--workspace", str(clone.root), "--remote", remote]
    answer = nepforge("bundle", published[1][:8], str(target), *options)
    assert answer.exit_code == 0, answer.output
    assert "warning" not in answer.stderr
    with zipfile.ZipFile(target) as archive:
        assert "artifacts/train/nep_model.ckpt" in archive.namelist()


def test_bundle_names_author_and_licence_when_told(
    published: tuple[Path, str], tmp_path: Path
) -> None:
    """Nothing is guessed: without them the licence is "not stated" and nepforge the agent."""
    told = ["--author", "Ada", "--organization", "Mill", "--license", "CC-BY-4.0"]
    found = []
    for name, options in (("with.zip", told), ("without.zip", [])):
        arguments = [published[1], str(tmp_path / name), "--workspace", str(published[0]), *options]
        assert nepforge("bundle", *arguments).exit_code == 0
        with zipfile.ZipFile(tmp_path / name) as archive:
            graph = json.loads(archive.read("ro-crate-metadata.json"))["@graph"]
        nodes = {node["@id"]: node for node in graph}
        agent = nodes[nodes["#run"]["agent"]["@id"]]["name"]
        license_name = nodes[nodes["./"]["license"]["@id"]]["name"]
        found.append((agent, license_name, nodes.get("#organization", {}).get("name")))
    assert found == [("Ada", "CC-BY-4.0", "Mill"), ("nepforge", "not stated", None)]


@pytest.mark.parametrize("spoil", ["proof", "outside", "cut"])
def test_spoilt_bundle_is_refused(bundle: Bundle, tmp_path: Path, spoil: str) -> None:
    """An entry that its proof does not prove, a name outside of the folder, a torn file."""
    target = tmp_path / "spoilt.zip"
    with zipfile.ZipFile(bundle.path) as source, zipfile.ZipFile(target, "w") as copy:
        for name in source.namelist():
            content = source.read(name)
            if spoil == "proof" and name == PROOF:
                content = content.replace(b"index 0", b"index 1")
            copy.writestr(name, content)
        if spoil == "outside":
            copy.writestr("../outside.txt", "x")
    if spoil == "cut":
        target.write_bytes(target.read_bytes()[:-100])
    with pytest.raises(IntegrityError):
        original_from_bundle(Workspace(tmp_path.resolve()), target, "", None)


def body(
    sha256: str, rmse: float, *, torch: str = "2.13", commit: str = "a", tolerance: bool = True
) -> dict[str, Any]:
    """A run of one stage with one file and one metric."""
    return {
        "stages": [
            {
                "name": "train",
                "content": {"stage": "train", "version": 1, "numerics": {"torch": torch}},
                "outputs": {
                    "model.bin": {"sha256": sha256, "size": 1},
                    "loss.png": {"sha256": str(rmse), "size": 1},
                },
                "volatile": ["*.png"],
            }
        ],
        "metrics": {"train.valid_force_rmse": {"value": rmse, "unit": "eV/Å"}},
        "tolerances": {"valid_force_rmse": {"relative": 0.05}} if tolerance else {},
        "environment": {"nepforge": {"version": "1", "commit": commit}, "os": "Linux"},
    }


def artifacts(content: Mapping[str, Any]) -> Artifacts:
    return Artifacts(Entry(0, "", "", "run", content, "0" * 64), ())


@pytest.mark.parametrize(
    ("second", "verdict"),
    [
        (body("a", 0.1), "reproduced"),
        (body("a", 0.1, torch="2.14"), "reproduced"),
        (body("b", 0.104), "within_tolerance"),
        (body("b", 0.12), "not_reproduced"),
        (body("b", 0.12, commit="b"), "not_reproduced"),
        (body("b", 0.12, torch="2.14"), "drifted"),
    ],
)
def test_verdict_weighs_bits_then_tolerances_then_drift(
    second: Mapping[str, Any], verdict: Verdict
) -> None:
    """Another commit excuses nothing: a change of numbers raises a stage version."""
    assert judge(artifacts(body("a", 0.1)), artifacts(second)).verdict == verdict


def test_files_that_a_later_version_adds_are_no_difference() -> None:
    """Files that it no longer writes are a difference."""
    more = body("a", 0.1)
    more["stages"][0]["outputs"]["covariance.npz"] = {"sha256": "c", "size": 1}
    found = judge(artifacts(body("a", 0.1)), artifacts(more))
    assert (found.verdict, found.n_files) == ("reproduced", 1)
    found = judge(artifacts(more), artifacts(body("a", 0.1)))
    assert found.differing == {"train/covariance.npz": ("c", "")}


def test_without_tolerance_other_bits_are_not_reproduced() -> None:
    """No tolerance says what deviation is small."""
    first, second = (artifacts(body(name, 0.1, tolerance=False)) for name in "ab")
    assert judge(first, second).verdict == "not_reproduced"


def test_drift_that_can_change_numbers_comes_first() -> None:
    """Then nepforge itself, then the rest."""
    second = body("b", 0.1, torch="2.14", commit="b")
    second["environment"]["os"] = "Darwin"
    found: Sequence[Any] = judge(artifacts(body("a", 0.1)), artifacts(second)).drift
    assert [(item.effect, item.name) for item in found] == [
        ("numbers", "torch"),
        ("code", "nepforge commit"),
        ("other", "os"),
    ]
