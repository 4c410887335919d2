"""Limits of recipe values, written beside the type: `Annotated[int, in_range(at_least=1)]`."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from attrs import field, frozen

from nepforge.recipe.positions import Parts


@frozen
class Violation:
    """What is wrong at `at`, a key path relative to the value that was checked."""

    message: str
    hint: str = ""
    at: Parts = ()


class RefusedError(ValueError):
    """A recipe value that cannot be used; `strict` turns it into problems of the recipe."""

    def __init__(self, *violations: Violation) -> None:
        super().__init__("; ".join(violation.message for violation in violations))
        self.violations = violations


@frozen
class Limit:
    """A test of one value. `words` follow the name of its type: "an integer" + "from 0 to 12"."""

    words: str
    accepts: Callable[[Any], bool]
    json_schema: Mapping[str, Any] = field(eq=False)  # the same test
    hint: Callable[[Any], str] = lambda _value: ""


def in_range(
    *,
    at_least: float | None = None,
    above: float | None = None,
    at_most: float | None = None,
    below: float | None = None,
) -> Limit:
    """A number between bounds."""
    bounds = {"at least": at_least, "above": above, "at most": at_most, "below": below}
    words = " and ".join(f"{word} {b:.15g}" for word, b in bounds.items() if b is not None)
    if at_least is not None and at_most is not None:
        words = f"from {at_least:.15g} to {at_most:.15g}"

    def accepts(value: float) -> bool:
        return (
            (at_least is None or value >= at_least)
            and (above is None or value > above)
            and (at_most is None or value <= at_most)
            and (below is None or value < below)
        )

    keywords = {
        "minimum": at_least,
        "exclusiveMinimum": above,
        "maximum": at_most,
        "exclusiveMaximum": below,
    }
    return Limit(words, accepts, {name: b for name, b in keywords.items() if b is not None})


def matching(regex: str, words: str) -> Limit:
    """A string that matches the regular expression as a whole."""
    return Limit(
        words, lambda value: re.fullmatch(regex, value) is not None, {"pattern": f"^({regex})$"}
    )


def one_of(options: Sequence[str], words: str) -> Limit:
    """One of many words, which `words` describe without listing them."""
    return Limit(
        words,
        options.__contains__,
        {"enum": list(options)},
        lambda value: did_you_mean(value, options),
    )


def did_you_mean(word: str, options: Iterable[str]) -> str:
    """'did you mean "epochs"?' for the nearest option, an empty string when none is near."""
    by_lower_case = {option.lower(): option for option in options}
    near = difflib.get_close_matches(word.lower(), by_lower_case, n=1)
    return f'did you mean "{by_lower_case[near[0]]}"?' if near else ""
