"""ARCH009: many layers in a row without a shortcut or a normalization."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archlint.api import Finding, Model, Rule, Severity, plain_chain

if TYPE_CHECKING:
    from collections.abc import Iterator

_DEEP = 21  # one more than the deepest network without them that is well known, VGG-19


class DeepWithoutShortcut(Rule):
    """Many layers stand in a row, without a shortcut or a normalization anywhere."""

    code = "ARCH009"
    name = "deep-without-shortcut"
    severity = Severity.INFO
    since = "0.1.0"
    tags = ("structure",)

    def check(self, model: Model) -> Iterator[Finding]:
        """Report the longest such row."""
        chain = plain_chain(model.facts.initialization, _DEEP)
        if chain is not None:
            yield self.finding(
                f"{chain.layers} layers in a row, from {chain.first.name} to {chain.last.name}, "
                "have neither a normalization nor a shortcut: every gradient passes all of them, "
                "and such a network fits worse the deeper it is",
                node=chain.last,
                data={"layers": chain.layers, "first": chain.first.name},
                help="put shortcuts around every two or three of them, or a normalization behind "
                "each",
            )
