"""The comment line of extended XYZ: what others write, and back without a loss."""

from __future__ import annotations

import pytest
from ase.io.extxyz import key_val_str_to_dict
from hypothesis import given, settings
from hypothesis import strategies as st

from nepforge.data.formats.extxyz.comment import comment_item, parse_comment
from nepforge.errors import DataError

OF_THE_STRUCTURE = ("lattice", "properties", "pbc", "virial", "stress")  # 3x3 or gone for ASE
LETTERS = st.characters(exclude_categories=("Cs",))
TEXTS = st.text(LETTERS) | st.text("\"\\{}[]'=, \nnT1")
KEYS = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\n\r"), min_size=1)


@pytest.mark.parametrize(
    ("line", "pairs"),
    [
        ('config_type= energy=-9.1 x="T T"', {"config_type": "", "energy": "-9.1", "x": "T T"}),
        ('a= Lattice="1 2" b=', {"a": "", "Lattice": "1 2", "b": ""}),
        ('a= "b c" d= 5 e = 6', {"a": "b c", "d": "5", "e": "6"}),
        (r'a="say \"hi\"" b="one\\two\nthree"', {"a": 'say "hi"', "b": "one\\two\nthree"}),
        (r"path=C:\temp a='it is' b=O'Neill", {"path": r"C:\temp", "a": "it is", "b": "O'Neill"}),
        ("a={1 2 3} b=[1, 2] c={a word}", {"a": "1 2 3", "b": "1, 2", "c": "a word"}),
        ("a=[[1, 2], [3, 4]] c=1", {"a": "[[1, 2], [3, 4]]", "c": "1"}),
        ('b={"x": {"y": "z]}"}} c=1', {"b": '{"x": {"y": "z]}"}}', "c": "1"}),
        ('a="_JSON [[1, 2], [3, 4]]" b="[1, 2]"', {"a": "_JSON [[1, 2], [3, 4]]", "b": "[1, 2]"}),
        ('flag "a key"=5 url=http://x?a=b', {"flag": "T", "a key": "5", "url": "http://x?a=b"}),
        ("made by hand", {"comment": "made by hand"}),
        ("", {}),
    ],
)  # fmt: skip
def test_the_forms_of_others_are_read(line: str, pairs: dict[str, str]) -> None:
    """CONQUEST's empty value, QUIP's braces, lists of the extxyz library, JSON of ASE."""
    assert parse_comment(f"{line}\n", "a.xyz:0") == pairs


@pytest.mark.parametrize("line", ['a="b', "a=[1 2 b=3", 'a="1 2"3 b=4', "a=1 = 5", "a=1 a=2"])
def test_a_line_that_can_be_read_in_two_ways_is_refused(line: str) -> None:
    """Quotes and brackets that are not closed, keys with two values: with the frame."""
    with pytest.raises(DataError, match=r"^a\.xyz:0: "):
        parse_comment(line, "a.xyz:0")


@settings(deadline=None, derandomize=True, max_examples=60)
@given(st.dictionaries(KEYS.filter(lambda k: k.lower() not in OF_THE_STRUCTURE), TEXTS, min_size=1))
def test_every_text_survives_a_round_trip_here_and_in_ase(info: dict[str, str]) -> None:
    """Quotes, backslashes, line breaks, nothing, any sign; ASE sees numbers where it finds some."""
    line = " ".join(comment_item(key, text) for key, text in info.items()) + " Properties=x"
    assert "\n" not in line
    assert parse_comment(line, "a.xyz:0") == {**info, "Properties": "x"}
    of_ase = key_val_str_to_dict(line)
    assert of_ase.keys() == {*info, "Properties"}
    for key, text in info.items():
        assert not isinstance(of_ase[key], str) or of_ase[key] == text
