"""`nepforge run` as a user sees it: in a pseudo-terminal and in a pipe."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pexpect
import pytest

import nepforge
from nepforge.recipe.starter import starter_recipe

FAKE_RUN = Path(__file__).with_name("fake_run.py")
CONTROL_CODE = re.compile(r"\x1b")
COLOR_CODE = re.compile(r"\x1b\[(?:\d+;)*(?:3|4|9)\d(?:;\d+)*m")
CURSOR_CODE = re.compile(r"\x1b\[\d*[A-HJK]|\x1b\[\?25[lh]")
SECONDS = 30  # longest wait for a text to appear


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    """The starter recipe beside a file of data."""
    path = tmp_path / "hfo2.toml"
    path.write_text(starter_recipe("hfo2"), encoding="utf-8")
    (tmp_path / "data.xyz").write_text("1\n\nO 0 0 0\n")
    return path


def _environ(epochs: int = 3, pause: float = 0.01, **variables: str) -> dict[str, str]:
    """A plain environment: nothing of the machine that runs the test but its Python."""
    root = str(Path(nepforge.__file__).parent.parent)
    return {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": root,
        "TERM": "xterm-256color",
        "LANG": "C.UTF-8",
        "FAKE_EPOCHS": str(epochs),
        "FAKE_PAUSE": str(pause),
        **variables,
    }


def _command(recipe: Path, *options: str) -> list[str]:
    return [str(FAKE_RUN), "run", str(recipe), "--no-mlflow", *options]


def _terminal(recipe: Path, environ: dict[str, str], *options: str) -> pexpect.spawn:
    return pexpect.spawn(
        sys.executable,
        _command(recipe, *options),
        env=environ,
        dimensions=(30, 100),
        encoding="utf-8",
        timeout=SECONDS,
    )


def _piped(
    recipe: Path, environ: dict[str, str], *options: str
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *_command(recipe, *options)],
        env=environ,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )


def test_a_terminal_shows_stages_bar_and_summary(recipe: Path) -> None:
    """The live view moves its cursor; the summary stands at the end."""
    child = _terminal(recipe, _environ(epochs=10, pause=0.1))
    child.expect("●.*train.*epoch")
    child.expect("force RMSE")
    child.expect("finished in 0:01: 1 stage computed")
    child.expect("nepforge ledger log")
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 0


def test_ctrl_c_stops_cleanly_and_says_how_to_resume(recipe: Path) -> None:
    """The run ends after the epoch, is recorded, and the next command is printed."""
    child = _terminal(recipe, _environ(epochs=1000, pause=0.2))
    child.expect(r"epoch \d+/1000")
    child.sendintr()
    child.expect("stopped: .*stage train: stopped after epoch")
    child.expect("next: resume with: nepforge run .*hfo2.toml")
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 130


def test_the_second_ctrl_c_does_not_wait(recipe: Path) -> None:
    """An epoch of ten minutes is not waited for."""
    child = _terminal(recipe, _environ(epochs=2, pause=600.0))
    child.expect("●.*train")
    child.sendintr()
    child.expect("Ctrl-C again stops at once")
    child.sendintr()
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 130


def test_no_color_keeps_the_live_view_without_colours(recipe: Path) -> None:
    """no-color.org: the variable is about colours, not about the cursor."""
    child = _terminal(recipe, _environ(NO_COLOR="1"))
    child.expect(pexpect.EOF)
    assert CURSOR_CODE.search(child.before)
    assert not COLOR_CODE.search(child.before)


@pytest.mark.parametrize("variables", [{"TERM": "dumb"}, {"CI": "true"}], ids=["dumb", "ci"])
def test_a_terminal_that_nobody_watches_gets_plain_lines(
    recipe: Path, variables: dict[str, str]
) -> None:
    """No control codes at all."""
    child = _terminal(recipe, _environ(**variables))
    child.expect(pexpect.EOF)
    assert "train: epoch 3/3" in child.before
    assert not CONTROL_CODE.search(child.before)


def test_a_pipe_gets_lines_and_results_apart(recipe: Path) -> None:
    """Progress on the standard error, results on the standard output, no control codes."""
    answer = _piped(recipe, _environ())
    assert answer.returncode == 0
    assert not CONTROL_CODE.search(answer.stdout + answer.stderr)
    assert "train: epoch 3/3" in answer.stderr
    assert answer.stdout.startswith("hfo2 finished")


def test_forced_colour_in_a_pipe_colours_results_and_moves_no_cursor(recipe: Path) -> None:
    """FORCE_COLOR asks for colours in a log, not for a display."""
    answer = _piped(recipe, _environ(FORCE_COLOR="1"))
    assert COLOR_CODE.search(answer.stdout)
    assert not CURSOR_CODE.search(answer.stdout + answer.stderr)
    assert not CONTROL_CODE.search(answer.stderr)


def test_json_on_the_standard_output_is_all_json(recipe: Path) -> None:
    """Every line of it, also when a summary would follow."""
    answer = _piped(recipe, _environ(), "--json")
    lines = [json.loads(line) for line in answer.stdout.splitlines()]
    assert [line["event"] for line in lines][:2] == ["RunStarted", "StageStarted"]
    assert lines[-1]["event"] == "RunFinished"


def test_quiet_prints_nothing_when_all_is_well(recipe: Path) -> None:
    """For scripts that look at the exit status."""
    answer = _piped(recipe, _environ(), "--quiet")
    assert (answer.returncode, answer.stdout, answer.stderr) == (0, "", "")
