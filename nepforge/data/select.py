"""Which frames are used: conditions that must all hold, then draws from the remaining frames."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from difflib import get_close_matches
from typing import Any

import numpy as np
from attrs import frozen

from nepforge.data.conditions import Test, conditions, places
from nepforge.data.farthest import farthest_points
from nepforge.data.frame import FloatArray, Frame
from nepforge.errors import DataError

Describe = Callable[[Sequence[Frame]], FloatArray]


@frozen(eq=False)
class Selected:
    """`frames` in their order, and how many each condition left out (the first that applies)."""

    frames: list[Frame]
    left_out: Mapping[str, int]

    @property
    def n_read(self) -> int:
        return len(self.frames) + sum(self.left_out.values())

    def reasons(self) -> str:
        """ "20 by slice, 8 by energy"; "none" where nothing was left out."""
        return _reasons(self.left_out) or "none"


def select(
    frames: Sequence[Frame],
    keys: Mapping[str, Any],
    rng: np.random.Generator,
    describe: Describe,
) -> Selected:
    """The frames selected by the keys of `[data.select]`, in their order.

    Args:
        frames: Frames of all files.
        keys: As in a recipe; a missing one or None means no condition.
        rng: For `random`.
        describe: Vectors of frames, [n_frames, n_components], for `farthest`.

    Raises:
        UsageError: A value cannot be read.
        DataError: No frame is selected, or none has an info key of a condition.
    """
    given = {name: value for name, value in keys.items() if value is not None}
    _refuse_unknown_keys(frames, given.get("info", {}))
    chosen, left_out = _keep(frames, [*places(frames, given), *conditions(given)])
    if not chosen:
        raise _nothing_left(len(frames), left_out)
    for name, draw in (("farthest", _draw_farthest), ("random", _draw_random)):
        if name in given:
            drawn = sorted(draw(chosen, given[name], rng, describe))
            left_out[name] = len(chosen) - len(drawn)
            chosen = [chosen[idx] for idx in drawn]
    return Selected(chosen, left_out)


def select_by_conditions(frames: Sequence[Frame], keys: Mapping[str, Any]) -> Selected:
    """Frames for which every condition on a frame holds; positions in files and draws are ignored.

    Raises:
        UsageError, DataError: As `select`.
    """
    given = {name: value for name, value in keys.items() if value is not None}
    chosen, left_out = _keep(frames, list(conditions(given)))
    if frames and not chosen:
        raise _nothing_left(len(frames), left_out)
    return Selected(chosen, left_out)


def _draw_farthest(
    frames: Sequence[Frame], n: int, _rng: np.random.Generator, describe: Describe
) -> list[int]:
    return farthest_points(describe(frames), n)


def _draw_random(
    frames: Sequence[Frame], n: int, rng: np.random.Generator, _describe: Describe
) -> list[int]:
    drawn: list[int] = rng.choice(len(frames), min(n, len(frames)), replace=False).tolist()
    return drawn


def _keep(
    frames: Sequence[Frame], tests: Sequence[tuple[str, Test]]
) -> tuple[list[Frame], dict[str, int]]:
    left_out = {name: 0 for name, _ in tests}
    chosen = []
    for frame in frames:
        failed = next((name for name, test in tests if not test(frame)), None)
        if failed is None:
            chosen.append(frame)
        else:
            left_out[failed] += 1
    return chosen, left_out


def _refuse_unknown_keys(frames: Sequence[Frame], info: Mapping[str, Any]) -> None:
    known = sorted({key for frame in frames for key in frame.info})
    for key in info:
        if key not in known:
            near = get_close_matches(key, known, n=1)
            meant = f'did you mean "{near[0]}"? ' if near else ""
            hint = f"{meant}keys in the files: {', '.join(known) or 'none'}"
            raise DataError(f'info: no frame has the key "{key}"', hint=hint)


def _nothing_left(n_frames: int, left_out: Mapping[str, int]) -> DataError:
    return DataError(
        f"none of {n_frames} frames is selected: left out {_reasons(left_out)}",
        hint="`nepforge data show FILES` has the ranges of energies and forces, and compositions",
    )


def _reasons(left_out: Mapping[str, int]) -> str:
    return ", ".join(f"{count} by {name}" for name, count in left_out.items() if count)
