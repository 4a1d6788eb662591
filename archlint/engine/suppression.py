"""Applies suppressions to findings, and reports invalid or unused ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from archlint.config.selection import rule_words
from archlint.engine.own_rules import InvalidSuppression, UnusedSuppression
from archlint.errors import did_you_mean
from archlint.frontends.properties import IGNORE

if TYPE_CHECKING:
    from collections.abc import Container, Iterable

    from archlint.findings import Finding
    from archlint.graph.graph import Graph
    from archlint.report.outcome import Reported
    from archlint.rule import Rule
    from archlint.sources.span import Span


class Suppression(Struct, frozen=True):
    """A suppression of the rules that `words` name, by code or name.

    It applies to the whole file, to findings that start in `lines`, to those that end in the line
    `ends` (a comment at the end of a line), or to those about `node`. `span` is the comment itself.
    `unknown` is a word in the comment that archlint does not know.
    """

    words: tuple[str, ...]
    reason: str = ""
    span: Span | None = None
    lines: Container[int] | None = None
    ends: int | None = None
    node: str | None = None
    unknown: str = ""

    def covers(self, item: Reported) -> bool:
        """Whether the suppression applies at the position of `item`."""
        if self.node is not None:
            return item.finding.place.node == self.node
        if self.lines is None:
            return True
        if item.span is None:
            return False
        return item.span.start_line in self.lines or item.span.end_line == self.ends


def properties(graph: Graph) -> list[Suppression]:
    """Return the suppressions in the metadata properties of a model and of its nodes."""
    whole = [graph.metadata[IGNORE]] if IGNORE in graph.metadata else []
    return [Suppression(rule_words([text])) for text in whole] + [
        Suppression(rule_words([node.ignored_rules]), node=node.name)
        for node in graph.nodes
        if node.ignored_rules is not None
    ]


class Suppressed(Struct, frozen=True):
    """The remaining findings, the suppressed ones, and problems with the suppressions."""

    kept: list[Reported]
    suppressed: list[Reported]
    wrong: list[tuple[Finding, Suppression]]


def suppress(
    items: Iterable[Reported],
    suppressions: list[Suppression],
    known: Iterable[Rule],
    ran: frozenset[str],
) -> Suppressed:
    """Apply suppressions to findings; report suppressions that are invalid or unused.

    `ran` are the codes of the rules that ran: suppressions of other rules do not count as unused.
    """
    kept: list[Reported] = []
    suppressed: list[Reported] = []
    used: set[tuple[int, str]] = set()
    for item in items:
        hits = {
            (index, word)
            for index, suppression in enumerate(suppressions)
            for word in suppression.words
            if word in {item.finding.code, item.finding.name} and suppression.covers(item)
        }
        used |= hits
        (suppressed if hits else kept).append(item)
    rules = {word: rule for rule in known for word in (rule.code, rule.name)}
    wrong = [
        (finding, suppression)
        for index, suppression in enumerate(suppressions)
        for finding in _wrong(
            suppression,
            [word for word in suppression.words if (index, word) not in used],
            rules,
            ran,
        )
    ]
    return Suppressed(kept, suppressed, wrong)


def _wrong(
    suppression: Suppression, unused: list[str], rules: dict[str, Rule], ran: frozenset[str]
) -> list[Finding]:
    """Return the problem of a suppression: no rule, an unknown rule, or nothing to suppress."""
    invalid, idle = InvalidSuppression(), UnusedSuppression()
    node = suppression.node
    if suppression.unknown:
        message = f"{suppression.unknown!r} is not a suppression"
        return [invalid.finding(message, node=node, help="write ignore[CODE] or ignore-file[CODE]")]
    if not suppression.words:
        message = "the suppression names no rule"
        return [invalid.finding(message, node=node, help="write ignore[CODE] with a reason")]
    found = []
    for word in unused:
        rule = rules.get(word)
        if rule is None:
            message = f"no rule is called {word!r}{did_you_mean(word, rules)}"
            found.append(invalid.finding(message, node=node))
        elif rule.code in ran:
            message = f"the suppression of {word} suppresses nothing"
            found.append(idle.finding(message, node=node, help=f"remove {word} from the comment"))
    return found
