"""The command line: which commands there are. Each has a module in `nepforge.commands`."""

from __future__ import annotations

import io
import sys

import rich_click as click

import nepforge
from nepforge.commands.lazy import LazyCommand, LazyCommands

# In the order of a first day's work.
COMMANDS = (
    LazyCommand("init", "Write NAME.toml, a recipe with every key explained."),
    LazyCommand("check", "Check a recipe and the files that it names; all problems at once."),
    LazyCommand("run", "Run a recipe: compute what is not cached, record it in the ledger."),
    LazyCommand(
        "plan", "Show what a run would compute, what is cached or would be fetched, and why."
    ),
    LazyCommand("status", "Show what is running, what was killed, and the last runs."),
    LazyCommand("ui", "Start the MLflow server for the runs of this workspace."),
    LazyCommand(
        "data",
        "Look at labelled structures; check, convert, merge, split and select them.",
        "data.group:data",
    ),
    LazyCommand("infer", "Predict energy, forces and stress of STRUCTURES, which need no labels."),
    LazyCommand(
        "test", "Compare MODEL with the labels of DATA: errors, parity plots, a table of frames."
    ),
    LazyCommand("convert", "Write the model IN as OUT in another layout."),
    LazyCommand(
        "inspect", "Show kind, species, cutoffs and sizes of MODEL, as a recipe would write them."
    ),
    LazyCommand("deviation", "Compare MODEL MODEL... on STRUCTURE, the last of FILES."),
    LazyCommand("ledger", "Read, prove and check the ledger of this workspace."),
    LazyCommand(
        "schema", "Print the JSON Schema of recipes, for editors to complete and check TOML."
    ),
    LazyCommand("explain", "Say why a run would compute STAGE or not, with every part of its key."),
    LazyCommand("cache", "Look at, check and clear the results that runs share."),
    LazyCommand(
        "diff",
        "Compare two runs: recipe, data, environment, training, weights, metrics, MD, speed.",
    ),
    LazyCommand("reproduce", "Repeat a recorded run, every stage afresh, and judge the result."),
    LazyCommand(
        "bundle",
        "Pack a run: recipe, data, models, plots, environment, ledger entry and its proof.",
    ),
    LazyCommand("doctor", "Check this installation: versions, LAMMPS plugin, workspace, MLflow."),
)


@click.group(cls=LazyCommands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(nepforge.__version__, prog_name="nepforge")
def commands() -> None:
    """Train NEP potentials from recipes, run them in LAMMPS, keep a record others can repeat.

    Begin with `nepforge init`, or with `nepforge run recipes/hfo2.toml`.
    """


for _command in COMMANDS:
    commands.add_command(_command)


def main() -> None:
    """Run the command line and exit."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # Å on a terminal that has no such letter
    commands(prog_name="nepforge")
