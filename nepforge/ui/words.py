"""How numbers, times and hashes are written, the same in every view."""

from __future__ import annotations

import math

from nepforge.quantities import Quantity

SHOWN_DIGITS = 12  # of a hash; any unique beginning is accepted back
_BLOCKS = "▁▂▃▄▅▆▇█"


def shown(quantity: Quantity, value: float) -> str:
    """An error in the unit shown to people."""
    return number(quantity.shown_factor * value)


def number(value: float, digits: int = 3) -> str:
    """A value with this many significant digits, whole numbers in full: 3.02, 0.0881, 12346."""
    if not math.isfinite(value):
        return str(value)
    if value == 0.0:
        return "0"
    decimals = digits - 1 - math.floor(math.log10(abs(value)))
    if decimals > 6:
        return f"{value:.{digits - 1}e}"
    return f"{value:.{max(0, decimals)}f}"


def duration(seconds: float) -> str:
    """Minutes and seconds, or hours before them: 0:42, 12:05, 1:02:03."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def short(digest: str) -> str:
    """The part of a hash that is shown."""
    return digest[:SHOWN_DIGITS]


def counted(count: int, noun: str) -> str:
    """ "1 stage", "6 stages"."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def sparkline(values: list[float], width: int) -> str:
    """The last `width` positive values as a row of bars, on a logarithmic scale."""
    shown = [math.log(value) for value in values if value > 0.0 and math.isfinite(value)][-width:]
    if not shown:
        return ""
    low, high = min(shown), max(shown)
    step = (high - low) / (len(_BLOCKS) - 1) or 1.0
    return "".join(_BLOCKS[round((value - low) / step)] for value in shown)
