"""Tables of the commands that only look."""

from __future__ import annotations

from nepforge.ledger.entry import Entry
from nepforge.ui.listings import log_text, plan_text, run_row, runs_of

from .events import RECIPE_HASH, RUN_HASH, planned


def _entry(seq: int, entry_type: str = "run") -> Entry:
    body = {
        "name": "hfo2",
        "outcome": "finished",
        "recipe": {"hash": RECIPE_HASH},
        "seconds": 64.2,
        "metrics": {"evaluate.valid_force_rmse": {"value": 0.0882, "unit": "eV/Å"}},
    }
    recovered = {"offset": 7, "pieces": []}
    return Entry(
        seq, "2026-11-23T04:45:00.000Z", "0" * 64, entry_type,
        body if entry_type == "run" else recovered, RUN_HASH,
    )  # fmt: skip


def test_the_plan_says_what_runs_and_why() -> None:
    """One line per stage; a stage from the cache needs no reason."""
    assert plan_text("hfo2", RECIPE_HASH, planned()).splitlines() == [
        "hfo2, recipe 3f2a91c0b7de: 3 stages, 1 cached, 2 to run",
        "",
        "  stage                key           why",
        "  data         cached  9c9c9c9c9c9c",
        "  train        run     9c9c9c9c9c9c  optimizer.epochs: 3 -> 4 (hfo2.toml:27)",
        "  md:npt-300K  run     -             input export/nep5.txt may change",
    ]


def test_the_log_has_one_line_an_entry() -> None:
    """Runs with their result; other entries with their type."""
    assert log_text([_entry(4), _entry(5, "recovered")]).splitlines() == [
        "seq  hash          time (UTC)        recipe  outcome    took  force RMSE, eV/Å",
        "4    a81b52cd90ef  2026-11-23 04:45  hfo2    finished   1:04  0.0882",
        "5    a81b52cd90ef  2026-11-23 04:45  -       recovered  -     -",
    ]


def test_a_row_for_programs_keeps_whole_hashes() -> None:
    """And numbers as numbers."""
    row = run_row(_entry(4))
    assert (row["hash"], row["recipe_hash"]) == (RUN_HASH, RECIPE_HASH)
    assert (row["seconds"], row["valid_force_rmse"]) == (64.2, 0.0882)


def test_only_runs_are_runs() -> None:
    """`status` shows runs, not repairs."""
    assert [entry.seq for entry in runs_of([_entry(0), _entry(1, "recovered")])] == [0]
