"""What a reader has to say of many frames, said once for each kind."""

from __future__ import annotations

from collections.abc import Callable


class Notices:
    """Collects (frame, what was done) and tells each kind with its first frame and a count."""

    def __init__(self) -> None:
        self._sources: dict[str, list[str]] = {}
        self._examples: dict[str, str] = {}

    def add(self, source: str, text: str, example: str = "") -> None:
        """Say `text` of a frame; `example` has the numbers of this one."""
        self._sources.setdefault(text, []).append(source)
        self._examples.setdefault(text, example)

    def tell(self, notice: Callable[[str], None]) -> None:
        for text, sources in self._sources.items():
            n_more = len(sources) - 1
            more = f" and {n_more} more frame{'s' * (n_more > 1)}" if n_more else ""
            example = self._examples[text]
            notice(f"{sources[0]}{more}: {text}" + (f" ({example})" if example else ""))
