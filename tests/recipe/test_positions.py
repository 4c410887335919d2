"""The position scanner against tomllib."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from nepforge.recipe.positions import Parts, dotted, scan

SAMPLE = """\
# comment with [brackets] and = signs
top = 1
"quoted key" = 'a # b = [1]'
[table]
array = [
  1,  # one
  [2, 3],
]
inline = { a.b = 1, "c]" = "}" }
text = \"\"\"
[not.a.table]
x = 1 \\\"\"\" \"\"\"\"
last = 1979-05-27 07:32:00
[[list]]
name = "first"
[[list]]
name = "second"
[list.sub.deep]
value = true
"""


@pytest.mark.parametrize(
    ("path", "position"),
    [
        (("top",), (2, 1)),
        (("quoted key",), (3, 1)),
        (("table",), (4, 2)),
        (("table", "array"), (5, 1)),
        (("table", "array", 1), (7, 3)),
        (("table", "array", 1, 1), (7, 7)),
        (("table", "inline", "a", "b"), (9, 14)),
        (("table", "inline", "c]"), (9, 21)),
        (("table", "last"), (13, 1)),
        (("list",), (14, 3)),
        (("list", 1), (16, 1)),
        (("list", 1, "name"), (17, 1)),
        (("list", 1, "sub"), (18, 7)),
        (("list", 1, "sub", "deep"), (18, 11)),
    ],
)
def test_every_kind_of_key_is_found(path: Parts, position: tuple[int, int]) -> None:
    """Tables, arrays, inline tables and arrays of tables, past strings that look like keys."""
    assert scan(SAMPLE)[path] == position


def test_windows_line_ends_do_not_move_positions() -> None:
    """A file saved with CRLF has the same lines and columns."""
    assert scan(SAMPLE.replace("\n", "\r\n")) == scan(SAMPLE)


def test_a_path_is_written_as_in_toml() -> None:
    """Indices in brackets, keys that are not bare in quotes."""
    assert dotted(("md", 0, "structure", "file")) == "md[0].structure.file"
    assert dotted(("a b", "c.d")) == '"a b"."c.d"'


BARE = st.sampled_from(["a", "b", "c-1", "d_2", "3"])
QUOTED = st.sampled_from(['"a"', "'b'", '"x y"', "'#['", '"\\u00e9=\\""', '""'])
KEY = st.lists(BARE | QUOTED, min_size=1, max_size=3).map(" . ".join)
SCALAR = st.sampled_from(
    [
        *["1", "-0x1f", "6.0", "nan", "true", "1979-05-27T07:32:00Z", "1979-05-27 07:32:00"],
        *['"a # ] } = b"', '"\\"\\\\"', "'\\'", "''", '""'],
        *['"""\n[x]\ny = 1"""', '"""a"b""c\\""""', '"""""""', "'''\nz = '1' '''", "''''''"],
    ]
)
BLANK = st.sampled_from(["", " ", "\n", " # ] } x = 1\n", "\n\n\t"])
VALUE = st.recursive(
    SCALAR,
    lambda inner: st.one_of(
        st.builds(
            lambda items, blank, comma: f"[{blank}{f'{blank},{blank}'.join(items)}{comma}{blank}]",
            st.lists(inner, min_size=1, max_size=3),
            BLANK,
            st.sampled_from(["", ","]),
        ),
        st.lists(st.tuples(KEY, inner), max_size=3).map(
            lambda items: "{ " + ", ".join(f"{key} = {value}" for key, value in items) + " }"
        ),
    ),
    max_leaves=6,
)
LINE = st.one_of(
    st.builds("{} = {}".format, KEY, VALUE),
    st.builds("[{}]".format, KEY),
    st.builds("[[ {} ]]".format, KEY),
    st.just("# a = 1 [b]"),
    st.just(""),
)
DOCUMENT = st.lists(LINE, max_size=8).map("\n".join)


def key_paths(value: Any, at: Parts = ()) -> Iterator[Parts]:
    """Every key path of parsed TOML."""
    items: Any = ()
    if isinstance(value, dict):
        items = value.items()
    elif isinstance(value, list):
        items = enumerate(value)
    for part, item in items:
        yield (*at, part)
        yield from key_paths(item, (*at, part))


def assert_scanned(text: str, document: dict[str, Any]) -> None:
    places = scan(text)
    assert set(places) == set(key_paths(document))
    lines = text.replace("\r\n", "\n").split("\n")
    for path, (line, column) in places.items():
        rest = lines[line - 1][column - 1 :]
        key = path[-1]
        assert rest.startswith((key, '"', "'") if isinstance(key, str) else rest[0])


@settings(deadline=None)
@given(DOCUMENT)
@example(SAMPLE)
def test_every_key_path_of_a_document_has_its_position(text: str) -> None:
    """The scanner finds exactly the key paths that tomllib yields, each at its key."""
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        assume(False)
    assert_scanned(text, document)


@settings(deadline=None)
@given(st.text(alphabet="ab01.=[]{},#\"'\\ \t\r\n_-é", max_size=60))
def test_no_text_makes_the_scanner_fail(text: str) -> None:
    """Text that is not TOML gives what could be read; text that is TOML gives everything."""
    scan(text)
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return
    assert_scanned(text, document)
