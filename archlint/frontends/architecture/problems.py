"""Collects the problems of an architecture file, each with its place."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archlint.errors import did_you_mean
from archlint.frontends.architecture.item import BESIDE
from archlint.sources.problem import Problem
from archlint.sources.problem_kind import INVALID_ARCHITECTURE

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from archlint.frontends.architecture.value import Invalid
    from archlint.sources.span import Span
    from archlint.sources.yaml_node import Scalar

_MOST = 200


class Stop(Exception):
    """Raised where continuing is pointless; the problem has been recorded."""


class Problems:
    """The problems found so far (YAML002), in the order in which they were found.

    `reported` counts every report of a problem, including repeated ones.
    """

    def __init__(self) -> None:
        self.reported = 0
        self._found: dict[tuple[Span | None, str], Problem] = {}

    def __iter__(self) -> Iterator[Problem]:
        """Yield each problem once: a block that is used twice does not count twice."""
        return iter(self._found.values())

    def __len__(self) -> int:
        return len(self._found)

    def add(
        self,
        span: Span | None,
        message: str,
        help: str = "",
    ) -> None:
        """Record a problem at `span`."""
        self.reported += 1
        problem = Problem(INVALID_ARCHITECTURE, message, help, span)
        self._found.setdefault((span, message), problem)
        if len(self._found) > _MOST:
            raise Stop

    def add_invalid(self, invalid: Invalid) -> None:
        """Record why a node has no value, at its place."""
        self.add(invalid.span, invalid.message, invalid.help)

    def unknown_argument(
        self, word: Scalar, layer: str, known: Iterable[str], what: str = "argument"
    ) -> None:
        """Record a word inside a layer that is none of its arguments."""
        if word.text in BESIDE:
            self.add(
                word.span,
                f"{word.text!r} is inside {layer}, not beside it",
                f"write it beside {layer}: on a line of its own that starts in the column of "
                f"{layer}",
            )
        else:
            self.unknown(word.span, f"{what} of {layer}:", word.text, known)

    def unknown(self, span: Span, what: str, word: str, known: Iterable[str]) -> None:
        """Record an unknown word, with the nearest known one as a suggestion."""
        words = list(known)
        # A longer list helps nobody.
        help = "known: " + ", ".join(words) if 0 < len(words) <= 16 else ""
        self.add(span, f"unknown {what} {word!r}{did_you_mean(word, words)}", help)
