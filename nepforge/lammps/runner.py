"""Run LAMMPS under a time limit, watch it, and read what it reports."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from nepforge.errors import InterruptedRunError, StageError
from nepforge.lammps.plugin import Lammps
from nepforge.lammps.script import LOG_FILE, SCRIPT_FILE, THERMO_COLUMNS

FloatArray = NDArray[np.float64]

POLL_SECONDS = 0.1
KILL_AFTER_SECONDS = 5.0  # between SIGTERM and SIGKILL
SCREEN_FILE = "screen.lammps"  # what LAMMPS and MPI print, kept only while they run
N_SHOWN_LINES = 8  # of the log in an error message

# Starts the command and ends it when standard input closes: LAMMPS has a session of its own and
# would run on for hours if nepforge were killed with a signal that it cannot answer. A SIGTERM to
# the group ends the command; the shell outlasts it, so that whoever waits for the shell waits for
# the command.
_LEASH = """
trap : TERM
exec 3<&0
"$@" </dev/null 3<&- &
work=$!
(read -r line <&3; kill "$work") &
leash=$!
exec 3<&-
wait "$work"
status=$?
while kill -0 "$work" 2>/dev/null; do
  wait "$work"
  status=$?
done
kill "$leash" 2>/dev/null
exit "$status"
"""

_LOOP = re.compile(r"Loop time of (\S+) on \d+ procs for (\d+) steps with (\d+) atoms")
_CPU_USE = re.compile(r"([\d.]+)% CPU use with (\d+) MPI tasks")
_ERROR = re.compile(r"^.*\b(ERROR|Fatal error|BAD TERMINATION)\b.*$", re.MULTILINE)

ThermoLine = dict[str, float]  # column of script.THERMO_COLUMNS -> value


@frozen
class Timing:
    """What LAMMPS reports about its time loop."""

    seconds: float  # wall clock
    cpu_seconds: float  # of all ranks and threads: wall clock times ranks times "% CPU use"
    steps: int
    n_atoms: int

    @property
    def atom_steps_per_s(self) -> float:
        return self.n_atoms * self.steps / self.seconds

    @property
    def atom_steps_per_cpu_s(self) -> float:
        """Zero where the loop was too short for LAMMPS to measure its CPU time."""
        return self.n_atoms * self.steps / self.cpu_seconds if self.cpu_seconds else 0.0


@frozen(eq=False)
class LammpsResult:
    """A finished run."""

    thermo: dict[str, FloatArray]  # column -> values, [n_lines]
    timing: Timing


def run_lammps(
    lammps: Lammps,
    folder: Path,
    *,
    ranks: int,
    threads: int = 1,
    timeout_seconds: float,
    stopping: Callable[[], bool],
    watch: Callable[[ThermoLine], None],
) -> LammpsResult:
    """Run the input script in `folder` to its end.

    Args:
        lammps: The installation.
        folder: Holds the script and the files it names; the log is written here.
        ranks: MPI processes.
        threads: OpenMP threads of each rank.
        timeout_seconds: Wall clock limit.
        stopping: Asked often; LAMMPS is ended when it turns true.
        watch: Called with each new line of thermodynamic output; what it raises ends LAMMPS too.

    Raises:
        StageError: LAMMPS failed or took too long; the message has the lines of its log.
        InterruptedRunError: `stopping` turned true.
    """
    log = folder / LOG_FILE
    command = [*lammps.command(ranks), "-in", SCRIPT_FILE, "-log", LOG_FILE, "-nocite"]
    screen = folder / SCREEN_FILE
    deadline = time.monotonic() + timeout_seconds
    n_seen = 0
    with _started(command, folder, lammps.environment(threads), screen) as process:
        while True:
            ended = process.poll() is not None
            lines = thermo_lines(_text(log))
            for line in lines[n_seen:]:
                watch(line)
            n_seen = len(lines)
            if ended:
                break
            if stopping():
                raise InterruptedRunError(f"LAMMPS was stopped {_reached(lines)}")
            if time.monotonic() > deadline:
                raise StageError(
                    f"LAMMPS was ended {_reached(lines)}: it ran longer than "
                    f"{timeout_seconds / 60.0:g} minutes",
                    hint="raise timeout_minutes, or ask for fewer steps",
                )
            time.sleep(POLL_SECONDS)
    text, printed = _text(log), _text(screen)
    screen.unlink(missing_ok=True)
    if process.returncode != 0 or _ERROR.search(text):
        raise StageError(_failure(text, printed, process.returncode, lines))
    return LammpsResult(_columns(lines), read_timing(text))


def thermo_lines(log: str) -> list[ThermoLine]:
    """The complete lines of thermodynamic output in a log, of the last `run` alone."""
    header = list(THERMO_COLUMNS.values())
    found: list[ThermoLine] = []
    reading = False
    for line in log.splitlines(keepends=True):
        words = line.split()
        if words[:1] == ["Step"]:
            found, reading = [], True
        elif reading and len(words) == len(header) and line.endswith("\n"):
            try:
                found.append(dict(zip(header, map(float, words), strict=True)))
            except ValueError:
                continue  # a warning of LAMMPS between the lines
        elif words[:2] == ["Loop", "time"]:
            reading = False
    return found


def read_timing(log: str) -> Timing:
    """Time of the loop from the end of a log.

    Raises:
        StageError: The log is cut off.
    """
    loop, cpu_use = _LOOP.search(log), _CPU_USE.search(log)
    if loop is None or cpu_use is None:
        raise StageError("the LAMMPS log has no loop time: the run did not finish")
    seconds = float(loop[1])
    return Timing(
        seconds=seconds,
        # The use is the mean over ranks and exceeds 100% with threads; "procs" counts threads too.
        cpu_seconds=seconds * int(cpu_use[2]) * float(cpu_use[1]) / 100.0,
        steps=int(loop[2]),
        n_atoms=int(loop[3]),
    )


@contextmanager
def _started(
    command: Sequence[str], folder: Path, environment: dict[str, str], screen: Path
) -> Iterator[subprocess.Popen[bytes]]:
    """A process in a session of its own, so that Ctrl-C reaches us first; ended on the way out."""
    with screen.open("wb") as output:
        process = subprocess.Popen(
            ["/bin/sh", "-c", _LEASH, "sh", *command], cwd=folder, env=environment,
            stdin=subprocess.PIPE, stdout=output, stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip
    try:
        yield process
    finally:
        _end(process)
        if process.stdin is not None:
            process.stdin.close()


def _end(process: subprocess.Popen[bytes]) -> None:
    """Send the group SIGTERM, then SIGKILL."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        if process.poll() is not None:
            return
        os.killpg(process.pid, number)
        try:
            process.wait(KILL_AFTER_SECONDS)
        except subprocess.TimeoutExpired:
            continue


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""


def _reached(lines: Sequence[ThermoLine]) -> str:
    return f"after step {int(lines[-1]['step'])}" if lines else "before its first step"


def _failure(log: str, printed: str, status: int, lines: Sequence[ThermoLine]) -> str:
    """LAMMPS's error line and the last lines of the log."""
    found = _ERROR.search(log) or _ERROR.search(printed)
    reason = found[0].strip() if found else f"it ended with status {status}"
    tail = [line for line in (log or printed).splitlines() if line.strip()][-N_SHOWN_LINES:]
    shown = "\n".join(f"    {line}" for line in tail)
    return f"LAMMPS failed {_reached(lines)}: {reason}\n  the end of its log:\n{shown}"


def _columns(lines: Sequence[ThermoLine]) -> dict[str, FloatArray]:
    return {name: np.array([line[name] for line in lines]) for name in THERMO_COLUMNS.values()}
