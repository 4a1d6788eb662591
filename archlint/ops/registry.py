"""The operators that are known, by domain and name."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cached_property

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
    shuffle,
    spectral,
    text,
)
from archlint.ops.guard import guarded
from archlint.ops.operator import Operator
from archlint.record import record


@record(eq=False, slots=False)
class Operators:
    """The known operators; asking for another one answers None, and the analysis says so.

    `standard` are ONNX's, `added` those of plugins, which win. A model uses few: they are guarded
    when they are first asked for, and those of other domains are not even loaded before.
    """

    standard: Mapping[tuple[str, str], Operator]
    added: Mapping[tuple[str, str], Operator]

    def of(self, node: Node) -> Operator | None:
        """Return the entry of the node's operator."""
        key = (node.domain, node.op)
        if key not in self._asked:
            self._asked[key] = self._find(key)
        return self._asked[key]

    @cached_property
    def entries(self) -> Mapping[tuple[str, str], Operator]:
        """All entries, by domain and name."""
        return {**self.standard, **self._contributed, **self.added}

    def _find(self, key: tuple[str, str]) -> Operator | None:
        if key in self.added:  # what a plugin's operator raises is a mistake in the plugin
            return self.added[key]
        entry = self.standard.get(key)
        if entry is None and key[0]:
            entry = self._contributed.get(key)
        return None if entry is None else guarded(entry)

    @cached_property
    def _asked(self) -> dict[tuple[str, str], Operator | None]:
        return {}

    @cached_property
    def _contributed(self) -> Mapping[tuple[str, str], Operator]:
        """The operators of onnxruntime and of the framework."""
        from archlint.ops.composite.registry import framework_operators
        from archlint.ops.contributed.registry import contributed_operators

        return by_key((*contributed_operators(self.standard.values()), *framework_operators()))


def by_key(entries: Iterable[Operator]) -> dict[tuple[str, str], Operator]:
    """Return entries by domain and name."""
    return {(entry.domain, entry.name): entry for entry in entries}


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
        shuffle,
        spectral,
        text,
    )
    own = by_key(entry for family in families for entry in family.operators())
    return Operators(own, by_key(added))
