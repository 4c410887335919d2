"""The commands: what they print, what they import, and their exit status."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

import nepforge
from nepforge import cli, errors
from nepforge.recipe.load import load_recipe
from nepforge.shared_disk.locks import hold
from nepforge.store.workspace import Workspace

HEAVY = ("torch", "mlflow", "matplotlib", "ase", "numpy")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty workspace, which is the current folder."""
    (tmp_path / ".nepforge").mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def recipe(folder: Path) -> Path:
    """The starter recipe beside a file of data."""
    assert _nepforge("init", "hfo2").exit_code == 0
    (folder / "data.xyz").write_text("1\n\nO 0 0 0\n")
    return folder / "hfo2.toml"


def _nepforge(*arguments: str) -> Result:
    return CliRunner().invoke(cli.commands, list(arguments), prog_name="nepforge")


def test_the_list_of_commands_says_what_each_says_of_itself() -> None:
    """The list is made without importing them."""
    for command in cli.COMMANDS:
        loaded = command.load()
        assert (loaded.name, loaded.get_short_help_str(100)) == (command.name, command.help)


def _heavy_imports(*arguments: str) -> list[str]:
    """Which of HEAVY a command has imported when it ends, in a fresh interpreter."""
    code = (
        "import sys\n"
        "from nepforge.cli import main\n"
        "try:\n"
        "    main()\n"
        "finally:\n"
        f"    print('HEAVY', *[name for name in {HEAVY!r} if name in sys.modules])\n"
    )
    root = str(Path(nepforge.__file__).parent.parent)
    answer = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        env={**os.environ, "PYTHONPATH": root},
        capture_output=True,
        text=True,
        check=True,
    )
    return answer.stdout.splitlines()[-1].split()[1:]


@pytest.mark.parametrize("command", ["--help", "check", "plan"])
def test_quick_commands_import_nothing_heavy(recipe: Path, command: str) -> None:
    """A user who only looks does not wait for torch."""
    arguments = [command] if command == "--help" else [command, str(recipe)]
    assert _heavy_imports(*arguments) == []


def test_check_prints_the_hash_and_the_data(recipe: Path) -> None:
    """OK, the whole recipe hash, and each file with format, size and digest."""
    answer = _nepforge("check", str(recipe))
    assert answer.exit_code == 0
    lines = answer.stdout.splitlines()
    assert lines[0] == f"{recipe}: OK, 6 stages"
    assert lines[1] == f"recipe {load_recipe(recipe).hash}"
    assert lines[3].split()[:3] == ["data.train[0]", "data.xyz", "extxyz"]


def test_check_shows_every_problem_with_its_line(recipe: Path) -> None:
    """Place, source line, caret, suggestion; exit status 2 and no traceback."""
    text = recipe.read_text().replace("epochs = 30", "epoch = 30").replace("l_max = 4", "l_max = 9")
    recipe.write_text(text)
    answer = _nepforge("check", str(recipe))
    assert answer.exit_code == 2
    assert answer.stderr.count(f"{recipe}:") >= 3
    assert 'did you mean "epochs"?' in answer.stderr
    assert "l_max = 9" in answer.stderr
    assert "Traceback" not in answer.stderr


def test_a_missing_data_file_has_its_own_exit_status(recipe: Path) -> None:
    """5, so that a script can fetch the data and try again."""
    (recipe.parent / "data.xyz").unlink()
    answer = _nepforge("check", str(recipe))
    assert answer.exit_code == 5
    assert '"data.xyz" does not exist' in answer.stderr


def test_plan_tells_every_stage(recipe: Path) -> None:
    """As a table for people, as one JSON object for programs."""
    assert "md:nvt-300K  run" in _nepforge("plan", str(recipe)).stdout
    plan = json.loads(_nepforge("plan", str(recipe), "--json").stdout)
    assert [stage["name"] for stage in plan["stages"]][:2] == ["data", "train"]
    assert plan["recipe_hash"] == load_recipe(recipe).hash


def test_set_changes_a_value(recipe: Path) -> None:
    """And with it the hash; a wrong key is a problem of the recipe."""
    before = json.loads(_nepforge("plan", str(recipe), "--json").stdout)
    after = json.loads(_nepforge("plan", str(recipe), "--set", "seed=2", "--json").stdout)
    assert before["recipe_hash"] != after["recipe_hash"]
    assert _nepforge("check", str(recipe), "--set", "seeds=2").exit_code == 2


def test_init_does_not_overwrite(recipe: Path) -> None:
    """A recipe is somebody's work."""
    before = recipe.read_text()
    assert _nepforge("init", "hfo2").exit_code == 2
    assert _nepforge("init", "hfo2.toml").exit_code == 2  # the same file
    assert recipe.read_text() == before


def test_an_unknown_command_is_wrong_usage(folder: Path) -> None:
    """Exit status 2, as for a wrong recipe."""
    assert _nepforge("runn").exit_code == 2
    assert folder.exists()


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (errors.StageError("lost atoms"), 1),
        (errors.UsageError("no such hash"), 2),
        (errors.NotReproducedError("differs"), 3),
        (errors.IntegrityError("damaged"), 4),
        (errors.DataMissingError("no file"), 5),
        (errors.LockTimeoutError("held"), 6),
        (errors.InterruptedRunError("stopped", exit_code=143), 143),
        (KeyboardInterrupt(), 130),
        (ValueError("a bug"), 1),
        (PermissionError(13, "Permission denied", "ledger.jsonl"), 1),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else str(value),
)
def test_every_error_has_its_exit_status(
    recipe: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException, status: int
) -> None:
    """One short message, no traceback."""

    def fail(*_arguments: object) -> None:
        raise error

    monkeypatch.setattr("nepforge.recipe.load.load_recipes", fail)
    answer = _nepforge("check", str(recipe))
    assert answer.exit_code == status
    assert "Traceback" not in answer.stderr
    assert answer.stderr.startswith(("error: ", "stopped: "))


def test_debug_shows_the_traceback(recipe: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the error itself, also of one that nobody expected."""

    def fail(*_arguments: object) -> None:
        raise ValueError("a bug")

    monkeypatch.setattr("nepforge.recipe.load.load_recipes", fail)
    answer = _nepforge("check", str(recipe), "--debug")
    assert "ValueError: a bug" in answer.stderr
    assert "Traceback" in answer.stderr


def test_an_empty_ledger_is_no_error(folder: Path) -> None:
    """Before the first run there is nothing to show."""
    for arguments in (("ledger", "log"), ("ledger", "verify"), ("status",)):
        answer = _nepforge(*arguments)
        assert answer.exit_code == 0
        assert answer.stdout
    assert not (folder / "ledger").exists()


def test_ledger_verify_names_the_head_and_finds_a_change(folder: Path) -> None:
    """Exit status 4 with line and byte offset when a byte changed."""
    book = Workspace(folder).ledger
    for number in range(3):
        book.append("run", {"name": f"run{number}", "outcome": "finished"})
    head = book.last_entry()
    assert head is not None
    answer = _nepforge("ledger", "verify")
    assert "entries 0 to 2, chain intact" in answer.stdout
    assert head.hash in answer.stdout
    book.path.write_bytes(book.path.read_bytes().replace(b"run1", b"run9"))
    answer = _nepforge("ledger", "verify")
    assert answer.exit_code == 4
    assert "ledger.jsonl:2 (byte " in answer.stderr


def test_ledger_log_lists_runs(folder: Path) -> None:
    """A table, or one JSON object a line."""
    entry = Workspace(folder).ledger.append("run", {"name": "hfo2", "outcome": "failed"})
    assert entry.hash[:12] in _nepforge("ledger", "log").stdout
    row = json.loads(_nepforge("ledger", "log", "--json").stdout)
    assert (row["hash"], row["outcome"]) == (entry.hash, "failed")


def test_status_names_who_holds_a_lock(folder: Path) -> None:
    """The other terminal sees this process."""
    with hold(Workspace(folder).lock("ab" * 32)):
        answer = _nepforge("status")
    assert f"process {os.getpid()}, since " in answer.stdout
    assert "holds abababababab" in answer.stdout
    assert "no run in progress" in _nepforge("status").stdout


def test_ui_refuses_what_cannot_work(folder: Path) -> None:
    """No store yet, or a port that is taken: said at once, with the next step."""
    answer = _nepforge("ui")
    assert (answer.exit_code, "nepforge run" in answer.stderr) == (2, True)
    (folder / ".nepforge" / "mlflow.db").touch()
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        answer = _nepforge("ui", "--port", str(port))
    assert answer.exit_code == 2
    assert f"--port {port + 1}" in answer.stderr


def test_ui_starts_the_server_of_this_environment(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """This Python, this store, one worker, no telemetry."""
    started: list[list[str]] = []
    (folder / ".nepforge" / "mlflow.db").touch()
    monkeypatch.setattr(os, "execv", lambda _path, command: started.append(command))
    monkeypatch.setenv("MLFLOW_DISABLE_TELEMETRY", "false")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    assert _nepforge("ui", "--port", str(port)).exit_code == 0
    assert started[0][:4] == [sys.executable, "-m", "mlflow", "server"]
    assert f"sqlite:///{folder}/.nepforge/mlflow.db" in started[0]
    assert os.environ["MLFLOW_DISABLE_TELEMETRY"] == "true"


def test_the_starter_recipe_has_every_part(recipe: Path) -> None:
    """It loads once there is data, and carries the name that was asked for."""
    loaded = load_recipe(recipe)
    assert loaded.recipe.name == "hfo2"
    assert [md.name for md in loaded.recipe.md] == ["nvt-300K"]


def test_check_with_data_reads_them(recipe: Path) -> None:
    """What a run would find before it trains, with the lines of the recipe, and as JSON."""
    (recipe.parent / "data.xyz").write_text("2\n\nO 0 0 0\nO 0 0 1.2\n" * 4)
    answer = _nepforge("check", str(recipe), "--data")
    assert answer.exit_code == 2
    assert f"{recipe}:" in answer.stderr
    assert "optimizer.weights.virial: is above 0" in answer.stderr
    answer = _nepforge("check", str(recipe), "--data", "--json")
    line = json.loads(answer.stdout)
    assert (line["event"], line["exit_code"]) == ("Error", 2)
    assert "optimizer.weights.virial" in [problem["path"] for problem in line["problems"]]
    assert all(problem["line"] for problem in line["problems"])


def test_check_explain_status_and_doctor_answer_programs(recipe: Path) -> None:
    """One versioned JSON object each."""
    for arguments in (("check", str(recipe)), ("explain", str(recipe), "train"), ("status",)):
        answer = json.loads(_nepforge(*arguments, "--json").stdout)
        assert answer["v"] == 1
    answer = json.loads(_nepforge("check", str(recipe), "--json").stdout)
    assert answer["runs"] == [
        {"name": "hfo2", "recipe_hash": load_recipe(recipe).hash, "stages": 6}
    ]
    assert answer["files"][0]["key"] == "data.train[0]"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("run", "nothing.toml"), "nothing.toml"),
        (("run", "hfo2.toml", "--set", "optimizer.epoch=3"), "optimizer.epoch"),
        (("run", "hfo2.toml", "--bogus"), "--bogus"),
        (("run",), "RECIPE"),
        (("plan", "nothing.toml"), "nothing.toml"),
        (("explain", "hfo2.toml", "trains"), "trains"),
        (("ledger", "show", "abcd"), "abcd"),
        (("nonsense",), "nonsense"),
    ],
)
def test_with_json_every_error_is_an_event(
    recipe: Path, arguments: tuple[str, ...], words: str
) -> None:
    """On the standard output, whatever was wrong: the recipe, its name, an option, a hash."""
    assert recipe.exists()
    answer = _nepforge(*arguments, "--json")
    assert answer.exit_code == 2
    line = json.loads(answer.stdout)
    assert (line["v"], line["event"], line["exit_code"]) == (1, "Error", 2)
    assert words in line["message"]
    assert _nepforge(*arguments).stdout == ""


def test_an_answer_in_json_stays_one_object_when_the_status_is_not_zero(recipe: Path) -> None:
    """The doctor of data has said what is wrong."""
    assert recipe.exists()
    frame = '2\nLattice="3 0 0 0 3 0 0 0 3"\nO 0 0 0\nO 0 0 0\n'
    Path("same.xyz").write_text(frame)
    answer = _nepforge("data", "check", "same.xyz", "--json")
    assert answer.exit_code == 1
    assert json.loads(answer.stdout)["findings"]
