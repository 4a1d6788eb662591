"""The operators that are known, by domain and name."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cached_property
from importlib import import_module

from archlint.graph.node import Node
from archlint.ops.guard import guarded
from archlint.ops.operator import Operator
from archlint.record import record

_COMMON = (
    "activation",
    "arithmetic",
    "convolution",
    "creation",
    "matrix",
    "movement",
    "normalization",
    "pooling",
    "reduction",
)
"""The families of ONNX's operators of which nearly every model has some."""

_RARE = (
    "attention",
    "classical",
    "determinant",
    "linear_attention",
    "loss",
    "optimizer_step",
    "placement",
    "quantization",
    "recurrent",
    "region",
    "resampling",
    "sequence",
    "shuffle",
    "spectral",
    "text",
)
"""The others."""


@record(eq=False, slots=False)
class Operators:
    """The known operators; asking for another one answers None, and the analysis says so.

    `added` are those of plugins, which win. A model uses few: operators are guarded when they are
    first asked for, and families that most models have nothing of are not even loaded before.
    """

    added: Mapping[tuple[str, str], Operator]

    def of(self, node: Node) -> Operator | None:
        """Return the entry of the node's operator."""
        key = (node.domain, node.op)
        asked = self._asked
        if key not in asked:
            asked[key] = self._find(key)
        return asked[key]

    def reads_contents(self, node: Node) -> bool:
        """Whether the elements of a node's inputs matter; so it is where it is not known."""
        entry = self.of(node)
        return entry is None or entry.reads_contents

    @cached_property
    def entries(self) -> Mapping[tuple[str, str], Operator]:
        """All entries, by domain and name."""
        return {**self._common, **self._rare, **self._contributed, **self.added}

    def _find(self, key: tuple[str, str]) -> Operator | None:
        if key in self.added:  # what a plugin's operator raises is a mistake in the plugin
            return self.added[key]
        entry = self._common.get(key) or self._rare.get(key)
        if entry is None and key[0]:
            entry = self._contributed.get(key)
        return None if entry is None else guarded(entry)

    @cached_property
    def _asked(self) -> dict[tuple[str, str], Operator | None]:
        return {}

    @cached_property
    def _common(self) -> Mapping[tuple[str, str], Operator]:
        return _of_families(_COMMON)

    @cached_property
    def _rare(self) -> Mapping[tuple[str, str], Operator]:
        return _of_families(_RARE)

    @cached_property
    def _contributed(self) -> Mapping[tuple[str, str], Operator]:
        """The operators of onnxruntime and of the framework."""
        from archlint.ops.composite.registry import framework_operators
        from archlint.ops.contributed.registry import contributed_operators

        standard = (*self._common.values(), *self._rare.values())
        return by_key((*contributed_operators(standard), *framework_operators()))


def _of_families(names: Iterable[str]) -> dict[tuple[str, str], Operator]:
    families = (import_module(f"archlint.ops.{name}") for name in names)
    return by_key(entry for family in families for entry in family.operators())


def by_key(entries: Iterable[Operator]) -> dict[tuple[str, str], Operator]:
    """Return entries by domain and name."""
    return {(entry.domain, entry.name): entry for entry in entries}


def operators(added: Iterable[Operator] = ()) -> Operators:
    """Return archlint's own operators and those that plugins add, which win."""
    return Operators(by_key(added))
