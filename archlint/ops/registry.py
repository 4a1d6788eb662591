"""The operators that are known, by domain and name."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import field

from archlint.graph.node import Node
from archlint.ops import (
    activation,
    arithmetic,
    attention,
    classical,
    convolution,
    creation,
    determinant,
    linear_attention,
    loss,
    matrix,
    movement,
    normalization,
    optimizer_step,
    placement,
    pooling,
    quantization,
    recurrent,
    reduction,
    region,
    resampling,
    sequence,
    spectral,
    text,
)
from archlint.ops.composite.registry import framework_operators
from archlint.ops.contributed.registry import contributed_operators
from archlint.ops.guard import guarded
from archlint.ops.operator import Operator
from archlint.record import record


@record
class Operators:
    """The known operators; asking for another one answers None, and the analysis says so.

    Those that are not `trusted` are guarded when they are first asked for: a model uses few.
    """

    entries: Mapping[tuple[str, str], Operator]
    trusted: frozenset[tuple[str, str]] = frozenset()
    _asked: dict[tuple[str, str], Operator | None] = field(
        default_factory=dict, repr=False, compare=False
    )

    def of(self, node: Node) -> Operator | None:
        """Return the entry of the node's operator."""
        key = (node.domain, node.op)
        if key not in self._asked:
            entry = self.entries.get(key)
            if entry is not None and key not in self.trusted:
                entry = guarded(entry)
            self._asked[key] = entry
        return self._asked[key]


def operators(added: Iterable[Operator] = ()) -> Operators:
    """Return archlint's own operators and those that plugins add, which win."""
    families = (
        activation,
        arithmetic,
        attention,
        classical,
        convolution,
        creation,
        determinant,
        linear_attention,
        loss,
        matrix,
        movement,
        normalization,
        optimizer_step,
        placement,
        pooling,
        quantization,
        recurrent,
        reduction,
        region,
        resampling,
        sequence,
        spectral,
        text,
    )
    own = tuple(entry for family in families for entry in family.operators())
    known = (*own, *contributed_operators(own), *framework_operators())
    entries = {(entry.domain, entry.name): entry for entry in known}
    # What a plugin's operator raises is a mistake in the plugin.
    plugged = {(entry.domain, entry.name): entry for entry in added}
    return Operators(entries | plugged, frozenset(plugged))
