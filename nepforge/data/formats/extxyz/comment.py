"""The comment line of extended XYZ: key=value pairs to text and back.

Values are what ASE, GPUMD, QUIP, CONQUEST, MACE and the extxyz library write: bare words, quoted
text with escapes, lists in brackets or braces, nothing at all, `_JSON ...` of ASE; a key without
"=" is true ("T"). What `comment_item` writes is read back as the same text here, and by ASE as the
value that this text has for ASE.
"""

from __future__ import annotations

import json
import re

from nepforge.errors import DataError

JSON_MARK = "_JSON "  # before a value that ASE writes as JSON
TRUE = "T"
FREE_TEXT = "comment"  # key of a line that has no pairs

_BLANKS = re.compile(r"\s*")
_QUOTED = re.compile(r'"((?:\\.|[^"\\])*)"|\'((?:\\.|[^\'\\])*)\'')
_KEY = r'"(?:\\.|[^"\\])*"|[^\s="]+'
_ITEM = re.compile(rf"({_KEY})(\s*=)?")
_NEXT_PAIR = re.compile(rf"\s+(?:{_KEY})\s*=")
_BARE = re.compile(r'(?:\\.|[^\s"\\])+')
_EASY_PAIR = r'([A-Za-z_][\w.:-]*)=(?:"([^"\\]*)"|([^\s"\'\\=\[\]{}]+))(?!\S)'
_EASY_PAIRS = re.compile(_EASY_PAIR)
_EASY_LINE = re.compile(rf"\s*(?:{_EASY_PAIR}\s*)+")
_PLAIN_BARE = re.compile(r"[^\s\"'\\=\[\]{}]+")
_PLAIN_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_.:-]*")
_ESCAPE = re.compile(r"\\([^A-Za-z0-9])")
_ESCAPE_OR_LINE = re.compile(r"\\([^A-Za-z0-9]|n)")
_CLOSING = {"[": "]", "{": "}"}
_BRACKETS = str.maketrans("[]{}", "    ")
_NESTED = re.compile(r"[\[\]{}\":]")


def parse_comment(comment: str, source: str) -> dict[str, str]:
    """The pairs of a comment line, values without quotes and escapes.

    A value missing before the next `key=` is empty. A flat list loses its brackets, as in ASE;
    nested ones keep them. A comment without any pair is free text.

    Raises:
        DataError: There is text between the pairs, as after a wrong quotation mark, or a key has
            two values.
    """
    if _EASY_LINE.fullmatch(comment):  # quotes without escapes and bare words: the usual case
        found = [(key, quoted or bare) for key, quoted, bare in _EASY_PAIRS.findall(comment)]
        easy = dict(found)
        if len(easy) == len(found):
            return easy
    pairs: dict[str, str] = {}
    flags: list[str] = []
    at = _after_blanks(comment, 0)
    while at < len(comment):
        item = _ITEM.match(comment, at)
        if item is None:
            return _free_text(comment, at, pairs, source)
        key, start, at = _unquoted(item[1]), at, item.end()
        if item[2]:
            value, at = _value(comment, at)
            if key in pairs and pairs[key] != value:
                raise DataError(
                    f'{source}: {key} is given twice, as "{pairs[key]}" and as "{value}"',
                    hint="remove the wrong one of the two",
                )
            pairs[key] = value
        else:
            flags.append(key)
        if at < len(comment) and not comment[at].isspace():
            return _free_text(comment, start if item[2] else at, pairs, source)
        at = _after_blanks(comment, at)
    if not pairs:
        return _free_text(comment, len(comment), pairs, source)
    return {**dict.fromkeys(flags, TRUE), **pairs}


def _after_blanks(text: str, at: int) -> int:
    match = _BLANKS.match(text, at)
    return at if match is None else match.end()


def _free_text(comment: str, at: int, pairs: dict[str, str], source: str) -> dict[str, str]:
    """A line without any pair; text beside pairs is an error."""
    if pairs or "=" in comment:
        raise DataError(
            f"{source}: the comment line cannot be parsed from here on: {comment[at:][:60]}",
            hint="look for an unclosed quotation mark or bracket",
        )
    return {FREE_TEXT: comment.strip()} if comment.strip() else {}


def _value(comment: str, at: int) -> tuple[str, int]:
    """The value after a "=" at `at`, and where it ends."""
    if _NEXT_PAIR.match(comment, at):
        return "", at
    at = _after_blanks(comment, at)
    if at < len(comment) and comment[at] in _CLOSING:
        return _bracketed(comment, at)
    quoted = _QUOTED.match(comment, at)
    if quoted:
        return _from_json(_unescaped(quoted[1] or quoted[2] or "", _ESCAPE_OR_LINE)), quoted.end()
    bare = _BARE.match(comment, at)
    return (_unescaped(bare[0], _ESCAPE), bare.end()) if bare else ("", at)


def _bracketed(comment: str, start: int) -> tuple[str, int]:
    """A list or object up to its closing bracket; brackets in quotes do not count."""
    open_brackets: list[str] = []
    at = start
    while at < len(comment):
        char = comment[at]
        quoted = _QUOTED.match(comment, at) if char == '"' else None
        if char in _CLOSING:
            open_brackets.append(_CLOSING[char])
        elif open_brackets and char == open_brackets[-1]:
            open_brackets.pop()
        at = quoted.end() if quoted else at + 1
        if not open_brackets:
            inside = comment[start + 1 : at - 1]
            return (comment[start:at] if _NESTED.search(inside) else inside.strip()), at
    return "", start  # not closed: the caller finds what follows


def _unquoted(key: str) -> str:
    return _unescaped(key[1:-1], _ESCAPE) if key.startswith('"') else key


def _unescaped(text: str, escape: re.Pattern[str]) -> str:
    r"""Without the backslashes before signs; `\n` is a new line where `escape` knows it.

    Other letters keep theirs: ASE writes the path C:\temp so.
    """
    if "\\" not in text:
        return text
    return escape.sub(lambda match: "\n" if match[1] == "n" else match[1], text)


def _from_json(text: str) -> str:
    """The text itself where the JSON is a string: line breaks and empty text are written so."""
    if text.startswith(f'{JSON_MARK}"'):
        try:
            found = json.loads(text.removeprefix(JSON_MARK))
        except ValueError:
            return text
        if isinstance(found, str):
            return found
    return text


def value_words(text: str) -> list[str]:
    """The words of a value, separated by blanks or commas, without the brackets of a list."""
    inside = text.removeprefix(JSON_MARK)
    if inside.startswith(tuple(_CLOSING)):
        inside = inside.translate(_BRACKETS)
    return inside.replace(",", " ").split()


def comment_item(key: str, text: str) -> str:
    r"""`key=value` that `parse_comment` and ASE read as `text`.

    Quoted where it must be. What no quotes can hold for ASE (nothing, line breaks) is a JSON string
    with its mark: key="_JSON \"\"".
    """
    plain_key = key if _PLAIN_KEY.fullmatch(key) else _quote(key)
    if (
        not text.strip(", \t")
        or text.isspace()
        or "\n" in text
        or "\r" in text
        or _is_confusing(text)
    ):
        text = JSON_MARK + json.dumps(text, ensure_ascii=False)
    return f"{plain_key}={text if _PLAIN_BARE.fullmatch(text) else _quote(text)}"


def _quote(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _is_confusing(text: str) -> bool:
    """Whether text that begins like JSON is not JSON, which ASE fails on, or only a string."""
    if not text.startswith(JSON_MARK):
        return False
    try:
        return isinstance(json.loads(text.replace(JSON_MARK, "", 1)), str)
    except ValueError:
        return True
