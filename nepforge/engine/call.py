"""Call a stage function, and check what went in and what came out."""

from __future__ import annotations

import errno
import json
import math
import traceback
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import cast

from nepforge.errors import DataMissingError, NepforgeError, StageError
from nepforge.plan.build import source_digest
from nepforge.plan.stage import SourceFile, Stage
from nepforge.stages.context import StageContext, StageFunction

METRICS_FILE = "metrics.json"


def call_stage(
    function: str, stage: Stage, inputs: Mapping[str, Path], ctx: StageContext, log: Path
) -> None:
    """Run a stage in its scratch folder.

    Args:
        function: "module:function" of the stage.
        stage: The stage.
        inputs: Input name -> file, published ones and sources.
        ctx: Where it writes and reports.
        log: Gets the traceback of an error that is not one of ours.

    Raises:
        NepforgeError: What the stage raises on purpose, unchanged.
        DataMissingError: A source file is not the one that the key was made from.
        OSError: The disk is full.
        StageError: Anything else that it raises.
    """
    try:
        _resolve(function)(stage.table, inputs, ctx)
    except NepforgeError:
        raise
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise
        raise _unexpected(stage, error, log) from error
    except (Exception, SystemExit) as error:  # a library that exits must not skip the record
        raise _unexpected(stage, error, log) from error
    for source in stage.sources.values():
        _refuse_changed(source, stage)


def read_metrics(stage: str, folder: Path) -> dict[str, float]:
    """Name -> value of the metrics that a stage wrote; empty when it wrote none.

    Raises:
        StageError: The file is not a flat object of finite numbers.
    """
    path = folder / METRICS_FILE
    if not path.exists():
        return {}
    try:
        metrics = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise StageError(f"stage {stage}: {METRICS_FILE} is not JSON: {error}") from error
    if not isinstance(metrics, dict):
        found = type(metrics).__name__
        raise StageError(f"stage {stage}: {METRICS_FILE} holds a {found}, expected an object")
    for name, value in metrics.items():
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if not number or not math.isfinite(value):
            raise StageError(
                f"stage {stage}: {METRICS_FILE}: {name} is {value!r}, expected a finite number"
            )
    return metrics


def _refuse_changed(source: SourceFile, stage: Stage) -> None:
    """The key holds the digest from before the stage; a file may have been replaced since."""
    found = source_digest(source) if source.path.exists() else "nothing"
    if found != source.sha256:
        raise DataMissingError(
            f"{source.path}: changed while stage {stage.name} ran: "
            f"sha256 {found[:12]} found, {source.sha256[:12]} expected",
            hint="run again with the file as it is now",
        )


def _resolve(function: str) -> StageFunction:
    module, name = function.split(":")
    return cast(StageFunction, getattr(import_module(module), name))


def _unexpected(stage: Stage, error: BaseException, log: Path) -> StageError:
    log.write_text("".join(traceback.format_exception(error)), encoding="utf-8")
    return StageError(
        f"stage {stage.name}: {type(error).__name__}: {error}",
        hint=f"the traceback is in {log}",
    )
