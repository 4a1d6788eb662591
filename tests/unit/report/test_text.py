"""The report for people: greppable, aligned, and safe to show."""

from __future__ import annotations

import re

import pytest

from archlint.report.outcome import FileOutcome, Outcome, Status
from archlint.report.terminal import Paint, frame, visible
from archlint.report.text import TextReporter, footer
from archlint.sources.span import Span


def test_first_lines_can_be_searched(outcome: Outcome) -> None:
    heads = [
        line
        for line in TextReporter().render(outcome, color=False).splitlines()
        if re.match(r"\S+?(:\d+:\d+)?: (error|warning|info)\[[A-Z]+\d{3}\] [a-z-]+: ", line)
    ]
    assert heads[0].startswith("a.onnx: error[RF001] receptive-field-too-small: receptive field")
    assert heads[1] == "b.arch.yaml:3:4: warning[INIT001] sigma-relu: sigma is 0.1"
    assert len(heads) == 3


def test_onnx_finding_shows_node_and_help(outcome: Outcome) -> None:
    lines = TextReporter().render(outcome, color=False).splitlines()
    assert lines[1:3] == [
        "  = Conv conv: x float32[1, 3] -> y float32[1, 8]",
        "  = help: add layers",
    ]


def test_short_has_a_line_a_finding(outcome: Outcome) -> None:
    assert TextReporter(short=True).render(outcome, color=False).count("\n") == 3


def test_no_findings_no_text() -> None:
    assert TextReporter().render(Outcome((), ()), color=True) == ""


def test_names_from_files_cannot_write_to_the_terminal(outcome: Outcome) -> None:
    text = TextReporter().render(outcome, color=False)
    assert "\x1b" not in text
    assert "\u202e" not in text
    assert "bad\\x1b[31mname\\nwith lines\\u202e is dead" in text


def test_colour_is_only_added(outcome: Outcome) -> None:
    colored = TextReporter().render(outcome, color=True)
    assert "\x1b[1;31merror[RF001]\x1b[0m" in colored
    plain = re.sub(r"\x1b\[[\d;]*m", "", colored)
    assert plain == TextReporter().render(outcome, color=False)


def test_footer_counts(outcome: Outcome) -> None:
    assert footer(outcome) == (
        "found 1 error, 1 warning, 1 info in 2 files "
        "(1 fixable with --fix, 1 suppressed, 1 in the baseline)"
    )
    assert footer(Outcome((), (FileOutcome("a", Status.CHECKED),))) == "nothing found in 1 file"


@pytest.mark.parametrize(
    ("line", "begin", "end", "carets"),
    [
        ("abcdef", 3, 5, "    |   ^^"),
        ("\tabc", 2, 5, "    |     ^^^"),
        ("漢字abc", 3, 6, "    |     ^^^"),
        ("abc", 4, 4, "    |    ^"),
        ("a\x1bbc", 3, 4, "    |      ^"),
    ],
)
def test_carets_stand_below_what_they_mean(line: str, begin: int, end: int, carets: str) -> None:
    text = "\n" * 122 + line
    span = Span(123, begin, 123, end, 122 + begin - 1, 122 + end - 1)
    assert frame(text, span, "error", Paint(color=False))[2].replace("    |", "    |") == carets


def test_long_line_is_cut_around_the_mark() -> None:
    text = "x" * 5000 + "BAD" + "y" * 5000
    lines = frame(text, Span(1, 5001, 1, 5004, 5000, 5003), "error", Paint(color=False))
    assert max(map(len, lines)) < 200
    assert lines[1][lines[2].index("^") :].startswith("BAD")


def test_mark_over_several_lines_ends_with_the_first() -> None:
    lines = frame("- a: 1\n  b: 2\n", Span(1, 3, 2, 7, 2, 13), "error", Paint(color=False))
    assert lines[2] == "  |   ^^^^"


def test_frame_of_a_place_that_is_not_there() -> None:
    assert frame("one line", Span(9, 1, 9, 2, 0, 1), "error", Paint(color=False)) == []


def test_visible_keeps_what_people_write() -> None:
    text = "Größe 漢字 √(2/d)"
    assert visible(text) == text
