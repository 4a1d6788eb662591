"""The base class of archlint's own rules."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archlint.rule import Rule

if TYPE_CHECKING:
    from collections.abc import Iterable

    from archlint.findings import Finding
    from archlint.model import Model


class OwnRule(Rule):
    """A rule that the engine reports itself, not by checking a model."""

    since = "0.1.0"
    tags = ("archlint",)

    def check(self, model: Model) -> Iterable[Finding]:  # noqa: ARG002 - found elsewhere
        """Yield nothing: the engine reports these findings before or after the rules."""
        return ()
