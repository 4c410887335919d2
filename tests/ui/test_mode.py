"""Which view and which colours fit where the output goes."""

from __future__ import annotations

import io

import pytest

from nepforge.ui.mode import choose_mode, console_for, is_colored

TERMINAL = {"TERM": "xterm-256color"}


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def _mode(stream: io.StringIO, environ: dict[str, str], flag: str = "") -> str:
    flags = {name: name == flag for name in ("json_lines", "quiet", "plain")}
    return choose_mode(stream, environ, **flags)


def test_a_terminal_gets_the_live_view() -> None:
    """Colours or not: NO_COLOR is about colours only."""
    assert _mode(_Terminal(), TERMINAL) == "live"
    assert _mode(_Terminal(), {**TERMINAL, "NO_COLOR": "1"}) == "live"


@pytest.mark.parametrize("environ", [{"CI": "true"}, {"TERM": "dumb"}])
def test_a_terminal_that_nobody_watches_gets_lines(environ: dict[str, str]) -> None:
    """CI systems and editors offer terminals that show control codes as they are."""
    assert _mode(_Terminal(), {**TERMINAL, **environ}) == "plain"


def test_forced_colour_does_not_make_a_log_a_terminal() -> None:
    """FORCE_COLOR without a terminal: lines, not cursor movements."""
    assert _mode(io.StringIO(), {**TERMINAL, "FORCE_COLOR": "1"}) == "plain"


@pytest.mark.parametrize(
    ("flag", "mode"), [("json_lines", "json"), ("quiet", "quiet"), ("plain", "plain")]
)
def test_the_user_decides_first(flag: str, mode: str) -> None:
    """Also on a terminal."""
    assert _mode(_Terminal(), TERMINAL, flag) == mode


@pytest.mark.parametrize(
    ("is_terminal", "environ", "colored"),
    [
        (True, {}, True),
        (False, {}, False),
        (True, {"NO_COLOR": "1"}, False),
        (True, {"NO_COLOR": "1", "FORCE_COLOR": "1"}, False),
        (True, {"NO_COLOR": ""}, True),
        (False, {"FORCE_COLOR": "1"}, True),
        (False, {"FORCE_COLOR": "0"}, False),
        (True, {"TERM": "dumb"}, False),
    ],
)
def test_colours_follow_the_variables(
    is_terminal: bool, environ: dict[str, str], colored: bool
) -> None:
    """NO_COLOR wins over FORCE_COLOR; an empty NO_COLOR counts as not set."""
    stream = _Terminal() if is_terminal else io.StringIO()
    assert is_colored(stream, {**TERMINAL, **environ}) is colored


def test_a_console_without_a_terminal_writes_no_control_codes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Rich would follow FORCE_COLOR of the process; the console follows our rules alone."""
    monkeypatch.setenv("FORCE_COLOR", "1")
    stream = io.StringIO()
    console_for(stream, {}).print("text", style="bold red")
    assert stream.getvalue() == "text\n"
