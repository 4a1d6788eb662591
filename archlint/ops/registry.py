"""The operators that are known, by domain and name."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

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
    """The known operators; asking for another one answers None, and the analysis says so."""

    entries: Mapping[tuple[str, str], Operator]

    def of(self, node: Node) -> Operator | None:
        """Return the entry of the node's operator."""
        return self.entries.get((node.domain, node.op))


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
    entries = (*own, *contributed_operators(own), *framework_operators())
    # What a plugin's operator raises is a mistake in the plugin.
    known = (*(guarded(entry) for entry in entries), *added)
    return Operators({(entry.domain, entry.name): entry for entry in known})
