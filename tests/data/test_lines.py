"""Numbers and blocks of Fortran's output."""

from __future__ import annotations

from io import StringIO

import numpy as np
import pytest

from nepforge.data.formats.text.lines import LONGEST_LINE, BlockError, Lines, whole_lines
from nepforge.data.formats.text.numbers import fixed, number


def test_an_unfinished_line_is_not_given_out() -> None:
    """It may end inside a number."""
    assert list(whole_lines(StringIO("E = -10.25\nE = -1"))) == ["E = -10.25\n"]


def test_numbers_may_touch_each_other() -> None:
    """Fixed fields have no room for a blank before a sign."""
    np.testing.assert_array_equal(fixed(" 1.5-2.25 3.0D-01", 3), [1.5, -2.25, 0.3])


@pytest.mark.parametrize(
    "text", ["1.0 2.0", "1.0 2.0 ***", "1.0 2.0 nan", "1.0 2.0 ٣.٠", "1.0 2.0 3"]
)
def test_other_rows_have_no_numbers(text: str) -> None:
    """Too few, stars, no number, other digits, integers."""
    assert fixed(text, 3) is None


def test_one_number() -> None:
    """Integers count as numbers here; infinity does not."""
    assert (number("2"), number("1.0E-08"), number("-3.5")) == (2.0, 1.0e-8, -3.5)
    assert [number(word) for word in ("********", "1e999", "1_0", "", "x")] == [None] * 5


def test_a_line_that_ends_a_block_too_early_is_read_again() -> None:
    """It may be the first of what follows."""
    lines = Lines(StringIO("title\n1.0 2.0\nnext\n"), "a.out")
    with pytest.raises(BlockError, match='row 2 of 2 of its forces is "next"'):
        lines.block("forces", 2, lambda line: fixed(line, 2), 1)
    assert (next(lines), lines.number) == ("next\n", 3)


def test_endless_lines_are_empty() -> None:
    """No pattern is tried on them."""
    assert next(whole_lines(StringIO("*" * LONGEST_LINE + "\n"))) == "\n"
