"""The summary at the end of a run."""

from __future__ import annotations

import io
import json
from pathlib import Path

from nepforge.events import RunFinished
from nepforge.ui.mode import console_for
from nepforge.ui.report import Typed, print_report

from .events import finished

GOLDEN = """\
hfo2 finished in 1:04: 2 stages computed, 1 cached

                       train  validation
  energy RMSE           2.31        3.02   meV/atom
  force RMSE          0.0711      0.0882   eV/Å
  best epoch               3

  md:npt-300K  96 atoms, 2000 steps
  temperature          300.4   K
  pressure            0.1234   GPa

  recipe        3f2a91c0b7de
  run           a81b52cd90ef, entry 12 of ledger/ledger.jsonl
  files         runs/hfo2/a81b52cd90ef/
  time          train 0:51, md:npt-300K 0:13

next
  nepforge ui                       curves and parameters of every run, in the browser
  nepforge plan recipes/hfo2.toml   what a run would compute, and why
  nepforge ledger log               all runs on record
"""


COMMAND = "nepforge run recipes/hfo2.toml"


def _report(event: RunFinished, root: Path | None = None) -> str:
    stream = io.StringIO()
    typed = Typed(COMMAND, Path.cwd() if root is None else root, is_here=root is None)
    print_report(console_for(stream, {}), event, "hfo2", typed)
    return stream.getvalue()


def test_the_summary_says_what_came_out_and_what_to_do_next() -> None:
    """Golden text: errors of both sets, MD numbers, hashes, files, times, commands."""
    assert _report(finished(Path.cwd() / "runs" / "hfo2" / "a81b52cd90ef")) == GOLDEN


def test_a_run_from_the_cache_says_so() -> None:
    """Nobody should wonder why it took no time."""
    head = _report(finished(computed=0)).splitlines()[0]
    assert head == "hfo2 finished in 1:04: nothing to compute, all 3 stages are cached"


def test_the_speed_of_an_md_run_comes_from_its_folder(tmp_path: Path) -> None:
    """Timings are no metrics: they are kept beside them."""
    (tmp_path / "md" / "npt-300K").mkdir(parents=True)
    timing = tmp_path / "md" / "npt-300K" / "timing.json"
    timing.write_text('{"atom_steps_per_cpu_s": 22100.4}')
    assert "  speed                22100   atom-steps per CPU second\n" in _report(
        finished(tmp_path)
    )


def test_a_folder_elsewhere_keeps_its_whole_path(tmp_path: Path) -> None:
    """A path that can be pasted, on one line however long."""
    folder = tmp_path / ("x" * 120)
    assert f"  files         {folder}/\n" in _report(finished(folder))


def test_a_run_without_errors_or_md_has_no_empty_tables() -> None:
    """A recipe may stop before it evaluates anything."""
    event = RunFinished("finished", "a" * 64, "b" * 64, 0, 1.0, {}, None, computed=1)
    assert "RMSE" not in _report(event)


def test_a_run_of_another_workspace_prints_commands_that_find_it(tmp_path: Path) -> None:
    """`ui` and `ledger log` look from the current folder, `plan` from the recipe."""
    text = _report(finished(tmp_path), tmp_path / "my runs")
    assert f"  nepforge ui --workspace '{tmp_path}/my runs' " in text
    assert f"  nepforge ledger log --workspace '{tmp_path}/my runs' " in text
    assert "  nepforge plan recipes/hfo2.toml " in text
    assert f"entry 12 of {tmp_path}/my runs/ledger/ledger.jsonl" in text
    below = _report(finished(tmp_path), Path.cwd() / "recipes")
    assert "  nepforge ledger log --workspace recipes " in below
    assert "entry 12 of recipes/ledger/ledger.jsonl" in below


def test_warnings_are_said_again_at_the_end(tmp_path: Path) -> None:
    """Of the data and of the model, also of stages that came from the cache."""
    for stage, name, content in (
        (
            "data",
            "report.json",
            {"findings": [{"level": "warning", "code": "absent-element", "text": "Si: no atom"}]},
        ),
        ("evaluate", "usefulness.json", {"warnings": ["force RMSE 2 is not below 1"]}),
    ):
        (tmp_path / stage).mkdir()
        (tmp_path / stage / name).write_text(json.dumps(content))
    text = _report(finished(tmp_path))
    assert "  warning       Si: no atom\n" in text
    assert "  warning       force RMSE 2 is not below 1\n" in text
