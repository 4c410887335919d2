"""A line of three small stages for the tests of the engine; also runs as a process of its own.

    python engine_toys.py WORKSPACE SEED

prints the hash of the run. TOY_PAUSE is the time in s that each step of the middle stage takes.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from nepforge.engine.walk import run
from nepforge.errors import InterruptedRunError, NepforgeError
from nepforge.events import Event, Listener, Message, RunFinished
from nepforge.interrupt import StopFlag
from nepforge.plan.kinds import StageKind
from nepforge.plan.stage import Input, Plan, SourceFile, Stage
from nepforge.shared_disk.locks import NO_TIME_LIMIT
from nepforge.stages.context import StageContext

KINDS = {
    "numbers": StageKind(1, f"{__name__}:write_numbers"),
    "train": StageKind(1, f"{__name__}:train", volatile=("times.dat",)),
    "longer": StageKind(1, f"{__name__}:train", ("numpy",), ("times.dat",), ("train.steps",)),
    "report": StageKind(1, f"{__name__}:report"),
    "broken": StageKind(1, f"{__name__}:broken"),
    "greedy": StageKind(1, f"{__name__}:greedy"),
    "random": StageKind(1, f"{__name__}:write_random"),
    "copy": StageKind(1, f"{__name__}:copy_source"),
    "nan": StageKind(1, f"{__name__}:write_nan"),
}
RECIPE = """name = "toy"
seed = 1

[train]
steps = 10
label = "a"
"""


def write_numbers(table: Mapping[str, Any], _inputs: Mapping[str, Path], ctx: StageContext) -> None:
    (ctx.out / "numbers.json").write_text(json.dumps(list(range(table["seed"], 20))))


def train(table: Mapping[str, Any], inputs: Mapping[str, Path], ctx: StageContext) -> None:
    """A chain of hashes with a checkpoint after every step; `label` changes nothing."""
    checkpoint = ctx.state / "checkpoint.json"
    step, value = 0, inputs["numbers"].read_text()
    if checkpoint.exists():
        step, value = json.loads(checkpoint.read_text())
    while step < table["train"]["steps"]:
        if ctx.stopping():
            raise InterruptedRunError(f"stopped after step {step}")
        step, value = step + 1, hashlib.sha256(value.encode()).hexdigest()
        draft = checkpoint.with_suffix(".new")
        draft.write_text(json.dumps([step, value]))
        draft.rename(checkpoint)
        time.sleep(float(os.environ.get("TOY_PAUSE", "0")))
    (ctx.out / "model.txt").write_text(value)
    (ctx.out / "times.dat").write_text(str(time.time_ns()))
    (ctx.out / "metrics.json").write_text(json.dumps({"valid_force_rmse": 0.125}))


def report(_table: Mapping[str, Any], inputs: Mapping[str, Path], ctx: StageContext) -> None:
    (ctx.out / "plots").mkdir()
    (ctx.out / "plots" / "report.txt").write_text(f"model {inputs['model'].read_text()}")


def broken(table: Mapping[str, Any], _inputs: Mapping[str, Path], ctx: StageContext) -> None:
    (ctx.out / "half.txt").write_text("half")
    raise RuntimeError(f"{table['text']} in {ctx.out / 'half.txt'}")


def greedy(table: Mapping[str, Any], _inputs: Mapping[str, Path], ctx: StageContext) -> None:
    (ctx.out / "large.bin").write_bytes(bytes(table["n_bytes"]))


def write_random(_table: Mapping[str, Any], _inputs: Mapping[str, Path], ctx: StageContext) -> None:
    (ctx.out / "random.bin").write_bytes(os.urandom(16))


def copy_source(table: Mapping[str, Any], inputs: Mapping[str, Path], ctx: StageContext) -> None:
    """Copy the source; with `spoil`, it changes meanwhile."""
    (ctx.out / "copy.txt").write_text(inputs["text"].read_text())
    if table["spoil"]:
        inputs["text"].write_text("other")


def write_nan(_table: Mapping[str, Any], _inputs: Mapping[str, Path], ctx: StageContext) -> None:
    (ctx.out / "metrics.json").write_text('{"loss": NaN}')


def toy_plan(seed: int = 1, steps: int = 10, label: str = "a") -> Plan:
    """numbers -> train -> report."""
    return plan_of(
        [
            Stage("numbers", "numbers", 1, {"seed": seed}),
            Stage(
                "train",
                "train",
                1,
                {"train": {"steps": steps, "label": label}},
                inputs={"numbers": Input("numbers", "numbers.json")},
            ),
            Stage("report", "report", 1, {}, inputs={"model": Input("train", "model.txt")}),
        ],
        seed=seed,
    )


def plan_of(stages: Sequence[Stage], seed: int = 1) -> Plan:
    """A plan of these stages under the toy recipe."""
    return Plan(
        name="toy",
        recipe_hash=hashlib.sha256(repr((seed, stages)).encode()).hexdigest(),
        recipe_file="toy.toml",
        recipe_text=RECIPE,
        resolved={"name": "toy", "seed": seed, "train": {"steps": 10}},
        threads=1,
        tolerances={"valid_force_rmse": {"relative": 0.05}},
        stages=tuple(stages),
        positions={"seed": (2, 1), "train": (4, 1), "train.steps": (5, 1)},
    )


def run_toy(
    workspace: Path,
    plan: Plan,
    *listeners: Listener,
    stop: StopFlag | None = None,
    lock_timeout: float = NO_TIME_LIMIT,
) -> RunFinished:
    """Run a plan of toy stages."""
    return run(
        workspace,
        plan,
        listeners,
        command="nepforge run toy.toml",
        stop=stop or StopFlag(),
        lock_timeout=lock_timeout,
        kinds=KINDS,
    )


def source_file(path: Path) -> SourceFile:
    """A source as the recipe layer describes it."""
    content = path.read_bytes()
    return SourceFile(path, hashlib.sha256(content).hexdigest(), len(content))


def _print_message(event: Event) -> None:
    if isinstance(event, Message):
        print(event.text, file=sys.stderr, flush=True)


def main() -> int:
    workspace, seed = Path(sys.argv[1]), int(sys.argv[2])
    stop = StopFlag()
    try:
        with stop.listening():
            finished = run_toy(workspace, toy_plan(seed), _print_message, stop=stop)
    except NepforgeError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    print(finished.run_hash, finished.computed)
    return 0


if __name__ == "__main__":
    sys.exit(main())
