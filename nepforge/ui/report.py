"""The summary that a run leaves on the standard output: results, hashes, files, what to do next."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path

from attrs import frozen
from rich.console import Console
from rich.text import Text

from nepforge.events import RunFinished
from nepforge.quantities import QUANTITIES
from nepforge.ui.benchmark import benchmark_lines
from nepforge.ui.run_warnings import warning_lines
from nepforge.ui.words import counted, duration, number, short, shown
from nepforge.units import BAR_PER_GPA

LEDGER = Path("ledger") / "ledger.jsonl"
LABEL_WIDTH = 14
CELL_WIDTH = 12
MD_DIGITS = 4  # 300.4 K
HEADING = "bold"
QUIET = "dim"

# metric, label, factor to the unit shown, unit
MD_RESULTS = (
    ("temperature_mean", "temperature", 1.0, "K"),
    ("pressure_bar_mean", "pressure", 1.0 / BAR_PER_GPA, "GPa"),
    ("density_mean", "density", 1.0, "g/cm³"),
    ("energy_drift", "energy drift", 1.0e3, "meV/atom/ps"),
    ("atom_steps_per_cpu_s", "speed", 1.0, "atom-steps per CPU second"),
)
MD_SIZE = (("n_atoms", "atoms"), ("steps", "steps"))


@frozen
class Typed:
    """How a run was asked for, to print the commands that come next."""

    command: str  # "nepforge run recipes/hfo2.toml --set optimizer.epochs=5"
    workspace: Path
    is_here: bool  # whether commands find that workspace from the current folder by themselves

    @property
    def plan(self) -> str:
        return self.command.replace("nepforge run ", "nepforge plan ", 1)

    def elsewhere(self, command: str) -> str:
        """A command that finds its workspace by the current folder, made to find this one."""
        folder = _relative(self.workspace)
        return command if self.is_here else f"{command} --workspace {shlex.quote(str(folder))}"


def print_report(console: Console, finished: RunFinished, name: str, typed: Typed) -> None:
    """Print the summary of a finished run.

    Args:
        console: Nothing is wrapped, so that hashes and paths stay whole.
        finished: The last event of the run.
        name: Name of the recipe.
        typed: What the user typed, for the commands that come next.
    """
    for line in [
        _headline(finished, name),
        *_errors(finished.metrics),
        *_training(finished.metrics),
        *_md(finished.metrics, finished.folder),
        *benchmark_lines(finished.folder),
        *warning_lines(finished.folder),
        Text(),
        *_records(finished, typed.workspace),
        Text(),
        *_next_commands(typed),
    ]:
        console.print(line, soft_wrap=True)


def _headline(finished: RunFinished, name: str) -> Text:
    text = Text.assemble((name, HEADING), f" finished in {duration(finished.seconds)}: ")
    stages = finished.computed + finished.cached
    if finished.computed == 0:
        return text.append(f"nothing to compute, all {counted(stages, 'stage')} are cached")
    cached = f", {finished.cached} cached" if finished.cached else ""
    return text.append(f"{counted(finished.computed, 'stage')} computed{cached}")


def _errors(metrics: Mapping[str, float]) -> list[Text]:
    """Train and validation side by side; a missing number is a dash."""
    rows = []
    for quantity in QUANTITIES:
        values = [metrics.get(f"evaluate.{part}_{quantity.metric}") for part in ("train", "valid")]
        if values == [None, None]:
            continue
        cells = ["-" if value is None else shown(quantity, value) for value in values]
        rows.append(_row(f"{quantity.words} RMSE", cells, quantity.shown_unit))
    if not rows:
        return []
    head = f"  {'':{LABEL_WIDTH}}{'train':>{CELL_WIDTH}}{'validation':>{CELL_WIDTH}}"
    return [Text(), Text(head, style=QUIET), *rows]


def _row(label: str, cells: Sequence[str], unit: str) -> Text:
    padded = "".join(f"{cell:>{CELL_WIDTH}}" for cell in cells)
    return Text.assemble(f"  {label:{LABEL_WIDTH}}", (padded, HEADING), (f"   {unit}", QUIET))


def _training(metrics: Mapping[str, float]) -> list[Text]:
    best = metrics.get("train.best_epoch")
    if best is None:
        return []
    epochs = metrics.get("train.epochs")
    total = "" if epochs is None else f" of {epochs:.0f}"
    return [Text(f"  {'best epoch':{LABEL_WIDTH}}{best:>{CELL_WIDTH}.0f}{total}")]


def _md(metrics: Mapping[str, float], folder: Path | None) -> list[Text]:
    lines = []
    for stage, values in _by_stage(metrics).items():
        if not stage.startswith("md:"):
            continue
        size = [f"{values[name]:.0f} {word}" for name, word in MD_SIZE if name in values]
        results = {**values, **_timing(folder, stage)}
        lines += [Text(), Text.assemble(f"  {stage}  ", (", ".join(size), QUIET))]
        lines += [
            _row(label, [number(factor * results[name], MD_DIGITS)], unit)
            for name, label, factor, unit in MD_RESULTS
            if name in results
        ]
    return lines


def _timing(folder: Path | None, stage: str) -> dict[str, float]:
    """The speed of an MD run; not a metric, because it differs from build to build."""
    if folder is None:
        return {}
    path = folder.joinpath(*stage.split(":"), "timing.json")
    return dict(json.loads(path.read_text(encoding="utf-8"))) if path.exists() else {}


def _by_stage(metrics: Mapping[str, float]) -> dict[str, dict[str, float]]:
    stages: dict[str, dict[str, float]] = {}
    for name, value in metrics.items():
        stage, _, metric = name.rpartition(".")
        stages.setdefault(stage, {})[metric] = value
    return stages


def _records(finished: RunFinished, workspace: Path) -> list[Text]:
    book = _relative(workspace / LEDGER)
    rows = [
        ("recipe", short(finished.recipe_hash)),
        ("run", f"{short(finished.run_hash)}, entry {finished.ledger_seq} of {book}"),
    ]
    if finished.folder is not None:
        rows.append(("files", f"{_relative(finished.folder)}/"))
    spent = {name: took for name, took in finished.stage_seconds.items() if took >= 0.5}
    if spent:
        longest_first = sorted(spent.items(), key=lambda item: -item[1])
        rows.append(("time", ", ".join(f"{name} {duration(took)}" for name, took in longest_first)))
    return [Text.assemble((f"  {label:{LABEL_WIDTH}}", QUIET), value) for label, value in rows]


def _next_commands(typed: Typed) -> list[Text]:
    rows = [
        (typed.elsewhere("nepforge ui"), "curves and parameters of every run, in the browser"),
        (typed.plan, "what a run would compute, and why"),
        (typed.elsewhere("nepforge ledger log"), "all runs on record"),
    ]
    width = max(len(command) for command, _ in rows)
    return [
        Text("next", style=QUIET),
        *(
            Text.assemble("  ", (f"{command:{width}}", "cyan"), (f"   {purpose}", QUIET))
            for command, purpose in rows
        ),
    ]


def _relative(path: Path) -> Path:
    """The path as seen from here, when it lies below."""
    here = Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path
