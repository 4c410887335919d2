"""The recipe of `nepforge init`, filled with the settings of another program."""

from __future__ import annotations

import re

from attrs import define, field


@define
class Settings:
    """What another program's input says, as TOML of a recipe.

    `sections` replace whole tables ("optimizer"), their lines below the header; `without` are
    tables that are left out.
    """

    values: dict[str, str] = field(factory=dict)  # key of the recipe -> TOML
    comments: list[str] = field(factory=list)  # what became of each setting
    weights_off: list[str] = field(factory=list)  # quantities with weight 0
    sections: dict[str, list[str]] = field(factory=dict)
    without: list[str] = field(factory=list)


ADDED = ("zbl", "start_from")  # keys of [model] that the starter has not


def filled(starter: str, settings: Settings, origin: str) -> str:
    """The starter with values replaced, after comments that say what became of each setting.

    Args:
        starter: Text of the recipe of `nepforge init`.
        settings: What is put into it.
        origin: Where the settings come from, in words.
    """
    text = starter
    for name in settings.without:
        text = re.sub(_section(name), "", text, flags=re.M)
    for name, lines in settings.sections.items():
        body = "".join(f"{line}\n" for line in [f"[{name}]", *lines, ""])
        text = re.sub(_section(name), lambda _match, body=body: body, text, flags=re.M)  # type: ignore[misc]
    values = dict(settings.values)
    added = [f"{key} = {values.pop(key)}" for key in ADDED if key in values]
    for key, value in values.items():
        text = _replaced(text, key, value)
    for quantity in settings.weights_off:
        text = re.sub(rf"(^weights = .*\b{quantity} = )[\d.]+", r"\g<1>0.0", text, flags=re.M)
    more = "".join(f"{line}\n" for line in added)
    text = re.sub(r"^neurons = .*\n", lambda match: match[0] + more, text, flags=re.M)
    comments = "".join(f"#   {comment}\n" for comment in settings.comments)
    return f"# From {origin}:\n{comments}{text.rstrip()}\n"


def _section(name: str) -> str:
    """A table with its header, up to the next header or the end."""
    return rf"^\[+{re.escape(name)}\].*\n(?:(?!\[).*\n?)*"


def _replaced(text: str, key: str, value: str) -> str:
    """The line `key = value  # comment` with another value, the comment in its column."""

    def line(match: re.Match[str]) -> str:
        start = f"{key} = {value}"
        comment = match["comment"] or ""
        return f"{start:<32} {comment}".rstrip() if comment else start

    pattern = rf"^{key} = (?P<value>\"[^\"]*\"|\[.*?\]|[^#\n]*?)\s*(?P<comment>#.*)?$"
    replaced, count = re.subn(pattern, line, text, count=1, flags=re.M)
    assert count == 1, key
    return replaced
