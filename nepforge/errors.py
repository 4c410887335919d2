"""Every error that nepforge raises on purpose.

A message says where, what was found, what was expected, and the next step. Errors are raised
where the fact is known and turned into a message and an exit status in `commands/errors.py`.
"""

from __future__ import annotations

from collections.abc import Sequence

from attrs import frozen


class NepforgeError(Exception):
    """Base of all our errors. `hint` is the next step, shown on its own line."""

    exit_code = 1

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message}\n  next: {self.hint}" if self.hint else self.message


class StageError(NepforgeError):
    """A stage failed."""


class DataError(NepforgeError):
    """A data file was found but its content cannot be used."""


class ModelFileError(NepforgeError):
    """A model file is damaged or of an unsupported kind."""


class DivergenceError(StageError):
    """Training met a non-finite value or diverged."""


class UsageError(NepforgeError):
    """The command line asks for something that does not exist."""

    exit_code = 2


class NotReproducedError(NepforgeError):
    """Two things that should agree differ."""

    exit_code = 3


class IntegrityError(NepforgeError):
    """A ledger or cache byte is not what was written."""

    exit_code = 4


class DataMissingError(NepforgeError):
    """A file that the recipe names does not exist or has another digest."""

    exit_code = 5


class LockTimeoutError(NepforgeError):
    """Another process holds a lock for too long."""

    exit_code = 6


class InterruptedRunError(NepforgeError):
    """The run stopped cleanly and can be resumed.

    Due to Ctrl-C (130), SIGTERM (143) or a closed terminal (129).
    """

    def __init__(self, message: str, *, exit_code: int = 130, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.exit_code = exit_code


@frozen
class Problem:
    """One problem in a recipe.

    `path` is the dotted key ("model.n_max[0]"); `line` and `column` are 1-based, 0 when unknown.
    """

    path: str
    message: str
    hint: str = ""
    line: int = 0
    column: int = 0


class UnfitDataError(DataError):
    """The data lack what the recipe needs: all problems at once."""

    exit_code = 2

    def __init__(self, message: str, problems: Sequence[Problem] = ()) -> None:
        super().__init__(message)
        self.problems = tuple(problems)


class RecipeError(NepforgeError):
    """All problems in a recipe at once."""

    exit_code = 2

    def __init__(self, message: str, problems: Sequence[Problem] = (), *, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.problems = tuple(problems)
