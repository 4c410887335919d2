"""The commands around the record: what they print and how they end."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from nepforge import cli
from nepforge.commands import reproduce as reproduce_command
from nepforge.diff.drift import Drift
from nepforge.diff.metrics import MetricPair
from nepforge.diff.trace import Divergence
from nepforge.reproduce.run import Reproduction
from nepforge.reproduce.verdict import Judgement
from nepforge.store.workspace import Workspace

sys.path.append(str(Path(__file__).parent))

from engine_toys import run_toy, toy_plan


@pytest.fixture
def run_hash(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Hash of a toy run in the current folder."""
    monkeypatch.chdir(tmp_path)
    return run_toy(tmp_path, toy_plan()).run_hash


def nepforge(*arguments: str) -> Result:
    return CliRunner().invoke(cli.commands, list(arguments), prog_name="nepforge")


def test_log_gives_programs_type_hash_and_outcome(run_hash: str) -> None:
    """One object per line."""
    row = json.loads(nepforge("ledger", "log", "--json").stdout)
    facts = (row["seq"], row["type"], row["hash"], row["outcome"])
    assert facts == (0, "run", run_hash, "finished")
    assert row["recipe_hash"] == toy_plan().recipe_hash


def test_show_tells_stages_metrics_and_machine(run_hash: str) -> None:
    """As text, and as the whole entry in JSON."""
    text = nepforge("ledger", "show", run_hash[:8]).stdout
    for part in (run_hash, "finished", "train.valid_force_rmse", "0.125", "computed", "kernels"):
        assert part in text
    entry = json.loads(nepforge("ledger", "show", run_hash[:8], "--json").stdout)
    assert (entry["hash"], entry["body"]["name"]) == (run_hash, "toy")
    assert nepforge("ledger", "show", "ffff").exit_code == 2


def test_head_is_kept_and_audited_against(run_hash: str, tmp_path: Path) -> None:
    """As a file or as text; a changed byte ends with 4."""
    head = tmp_path / "head.txt"
    head.write_text(nepforge("ledger", "head").stdout, encoding="utf-8")
    run_toy(tmp_path, toy_plan())
    answer = nepforge("ledger", "audit", "--against", str(head))
    assert "is entry 0 of this ledger" in answer.stdout
    text = head.read_text(encoding="utf-8").replace("\n", "\\n")
    assert nepforge("ledger", "audit", "--against", text).exit_code == 0
    assert nepforge("ledger", "audit", "--against", "nonsense").exit_code == 2
    assert json.loads(nepforge("ledger", "audit", "--json").stdout)["entries"] == 2
    book = Workspace(tmp_path).ledger
    book.path.write_bytes(book.path.read_bytes().replace(b"finished", b"Finished"))
    assert nepforge("ledger", "audit").exit_code == 4
    assert run_hash


def test_proof_is_written_and_checked(run_hash: str, tmp_path: Path) -> None:
    """Without the ledger it came from."""
    proof = tmp_path / "entry.tlog-proof"
    assert nepforge("ledger", "prove", run_hash[:8], "--out", str(proof)).exit_code == 0
    assert f"entry 0 (run, {run_hash[:12]})" in nepforge("ledger", "verify", str(proof)).stdout
    proof.write_text(proof.read_text().replace("index 0", "index 1"))
    assert nepforge("ledger", "verify", str(proof)).exit_code == 4


def test_key_signs_the_heads_that_follow(run_hash: str, tmp_path: Path) -> None:
    """The public key lies beside the ledger."""
    assert nepforge("ledger", "keygen").stdout.splitlines()[-1].startswith("nepforge/")
    run_toy(tmp_path, toy_plan())
    assert "1 of the heads are signed by nepforge/" in nepforge("ledger", "audit").stdout
    assert nepforge("ledger", "keygen").exit_code == 2
    assert (tmp_path / "ledger" / "ledger.pub").exists()
    assert run_hash


def test_cache_is_listed_checked_and_cleared(run_hash: str, tmp_path: Path) -> None:
    """A dry run removes nothing; a changed byte ends with 4."""
    rows = [json.loads(line) for line in nepforge("cache", "list", "--json").stdout.splitlines()]
    assert {row["run"] for row in rows} == {run_hash}
    assert "3 results" in nepforge("cache", "list").stdout
    assert "every byte as published" in nepforge("cache", "verify").stdout
    (tmp_path / ".nepforge" / "scratch" / "aa-1").mkdir()
    assert "nothing was removed" in nepforge("cache", "gc", "--dry-run").stdout
    assert nepforge("cache", "gc").exit_code == 0
    assert nepforge("cache", "gc").stdout == "nothing to remove\n"
    assert "is pinned" in nepforge("cache", "pin", run_hash[:8]).stdout
    assert "no longer pinned" in nepforge("cache", "pin", run_hash[:8], "--remove").stdout
    (model,) = (tmp_path / ".nepforge" / "cache").rglob("model.txt")
    model.chmod(0o644)
    model.write_text("x")
    answer = nepforge("cache", "verify")
    assert (answer.exit_code, "model.txt: other bytes" in answer.stderr) == (4, True)


def test_verdict_against_a_run_ends_with_3(
    run_hash: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The numbers, the first step, and what the machines differ in."""
    entry = Workspace(tmp_path).ledger.find(run_hash)
    judgement = Judgement(
        verdict="drifted",
        n_files=3,
        differing={"train/model.txt": ("a" * 64, "b" * 64)},
        metrics=(
            MetricPair("train.valid_force_rmse", "eV/Å", 0.125, 0.25, allowed=0.00625),
            MetricPair("train.epochs", "", 3.0, 3.0),
        ),
        drift=(Drift("numbers", "torch", "2.13", "2.14"),),
        divergence=Divergence(17, ("c.radial",), (60, 60)),
        trace="differs",
    )
    canned = Reproduction(judgement, entry, tmp_path)
    monkeypatch.setattr(reproduce_command, "_reproduce", lambda *_: canned)
    answer = nepforge("reproduce", run_hash[:8], "--plain")
    assert answer.exit_code == 3
    for part in (
        "DRIFTED",
        "2 of 3 files have the recorded bytes",
        "the trainings part at step 17 of 60, in c.radial",
        "OUTSIDE",
        "can change numbers  torch  2.13  2.14",
    ):
        assert part in answer.stdout
