"""What a format cannot hold of frames, reported once for all of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from nepforge.data.frame import Frame

Notice = Callable[[str], None]
MOST_NAMES = 12  # in one notice


class Losses:
    """Names of what is lost, and the frames concerned; `reason` says why."""

    def __init__(self, reason: str) -> None:
        self._reason = reason
        self._sources: dict[str, None] = {}
        self._names: dict[str, None] = {}

    def add(self, source: str, name: str) -> None:
        self._sources[source] = None
        self._names[name] = None

    def add_all_of(self, frames: Iterable[Frame]) -> None:
        """Everything in frames besides structure and labels."""
        for frame in frames:
            names = [*frame.info, *(f"column {name}" for name in frame.columns)]
            names += ["weight"] * (frame.weight != 1.0) + ["scf_converged"] * (not frame.converged)
            for name in names:
                self.add(frame.source, name)

    def tell(self, notice: Notice) -> None:
        """Report all of it once, if there is anything."""
        if not self._names:
            return
        names, sources = list(self._names), list(self._sources)
        shown = ", ".join(names[:MOST_NAMES])
        shown += f" and {len(names) - MOST_NAMES} more" if len(names) > MOST_NAMES else ""
        more = f" and {len(sources) - 1} more frames" if len(sources) > 1 else ""
        notice(f"{sources[0]}{more}: not written: {shown}; {self._reason}")
