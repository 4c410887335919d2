"""`-` among the files of a command: standard input, kept as a file while the command runs."""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from nepforge.errors import UsageError

DASH = Path("-")
NAME = "stdin"  # of the file, in messages and sources of frames


@contextmanager
def with_standard_input(paths: Sequence[Path]) -> Iterator[tuple[Path, ...]]:
    """The paths, with `-` replaced by a file that holds standard input.

    Raises:
        UsageError: `-` is given twice, or nothing is piped in.
    """
    if DASH not in paths:
        yield tuple(paths)
        return
    if list(paths).count(DASH) > 1:
        raise UsageError("- (standard input) is given twice", hint="it can be read only once")
    if sys.stdin.isatty():
        raise UsageError("- is standard input, and nothing is piped into it", hint="... | nepforge")
    with tempfile.TemporaryDirectory(prefix="nepforge-") as folder:
        file = Path(folder) / NAME
        with file.open("wb") as target:
            shutil.copyfileobj(sys.stdin.buffer, target)
        yield tuple(file if path == DASH else path for path in paths)
