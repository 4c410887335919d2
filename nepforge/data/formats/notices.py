"""Notices about many frames, each kind reported once."""

from __future__ import annotations

from collections.abc import Callable


class Notices:
    """Collects notices and reports each kind with its first frame and a count."""

    def __init__(self) -> None:
        self._sources: dict[str, list[str]] = {}
        self._examples: dict[str, str] = {}

    def add(self, source: str, text: str, example: str = "") -> None:
        """Add `text` about a frame; `example` has its numbers."""
        self._sources.setdefault(text, []).append(source)
        self._examples.setdefault(text, example)

    def tell(self, notice: Callable[[str], None]) -> None:
        for text, sources in self._sources.items():
            n_more = len(sources) - 1
            more = f" and {n_more} more frame{'s' * (n_more > 1)}" if n_more else ""
            example = self._examples[text]
            notice(f"{sources[0]}{more}: {text}" + (f" ({example})" if example else ""))
