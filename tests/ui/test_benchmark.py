"""The table of a benchmark in the summary of a run."""

from __future__ import annotations

import json
from pathlib import Path

from nepforge.ui.benchmark import benchmark_lines

GOLDEN = """
  md_benchmark  thousand atom-steps a second (and a CPU second), on EPYC, 2 cores
  atoms        96         2592
  CPU, double  160 (161)  -
  CPU, mixed   231 (230)  320 (161)
  best for 96 to 2592 atoms: CPU, mixed
  GPU was not measured: no device
""".strip("\n")


def row(setting: str, atoms: int, wall: float, cpu: float) -> dict[str, str | float]:
    return {
        "setting": setting, "atoms": atoms, "atom_steps_per_s": wall, "atom_steps_per_cpu_s": cpu,
    }  # fmt: skip


def test_speeds_are_a_table_of_settings_and_sizes(tmp_path: Path) -> None:
    """A dash where a setting was not measured; the advice and what is missing follow."""
    content = {
        "machine": {"processor": "EPYC", "cores": 2},
        "measurements": [
            row("CPU, double", 96, 1.6e5, 1.61e5),
            row("CPU, mixed", 96, 2.31e5, 2.3e5),
            row("CPU, mixed", 2592, 3.2e5, 1.61e5),
        ],
        "advice": ["96 to 2592 atoms: CPU, mixed"],
        "notes": ["GPU was not measured: no device"],
    }
    (tmp_path / "md_benchmark").mkdir()
    (tmp_path / "md_benchmark" / "benchmark.json").write_text(json.dumps(content))
    lines = [line.plain.rstrip() for line in benchmark_lines(tmp_path)]
    assert "\n".join(lines).strip("\n") == GOLDEN


def test_a_run_without_benchmark_has_no_table(tmp_path: Path) -> None:
    """Nothing is printed."""
    assert benchmark_lines(tmp_path) == benchmark_lines(None) == []
