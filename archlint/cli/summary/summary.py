"""The facts of a model as text: a table of its layers, then totals."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from archlint.cli.summary.layer_table import layer_table
from archlint.cli.summary.totals import totals
from archlint.cli.summary.unknown import left_open

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


def summary(
    facts: Mapping[str, Any], nodes: Sequence[Mapping[str, Any]], binding_flags: Sequence[str]
) -> str:
    """Return a table of `nodes` and the totals of facts as `archlint-facts/1` has them.

    `binding_flags` would give open dimensions a size.
    """
    return f"{layer_table(facts, nodes)}\n{totals(facts)}{left_open(facts, binding_flags)}"
