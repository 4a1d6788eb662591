"""The known operators, by domain and name."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import cache, cached_property
from importlib import import_module
from typing import TypeAlias

from msgspec import Struct

from archlint.graph.node import Node
from archlint.ops.guard import guarded
from archlint.ops.operator import FRAMEWORK, Operator

_FAMILIES = (
    "arithmetic",
    "activation",
    "movement",
    "pieces",
    "lookup",
    "matrix",
    "convolution",
    "normalization",
    "reduction",
    "creation",
    "pooling",
    "attention",
    "resampling",
    "recurrent",
    "quantization",
    "shuffle",
    "region",
    "sequence",
    "loss",
    "linear_attention",
    "spectral",
    "determinant",
    "optimizer_step",
    "classical",
    "text",
    "sampling",
)
"""The families of ONNX's operators, those that most models have first."""

_Entries: TypeAlias = Mapping[tuple[str, str], Operator]


class Operators(Struct, frozen=True, eq=False, dict=True):
    """The known operators; an unknown one is None, which the analyses report.

    `added` are those of plugins, which win. A model uses few operators: they are guarded when they
    are first asked for, and their families are loaded only then.
    """

    added: Mapping[tuple[str, str], Operator]

    def of(self, node: Node) -> Operator | None:
        """Return the entry of the node's operator."""
        key = (node.domain, node.op) if node.domain else node.op
        asked = self._asked
        if key not in asked:
            asked[key] = self._find((node.domain, node.op))
        return asked[key]

    def reads_contents(self, node: Node) -> bool:
        """Whether the elements of a node's inputs matter; true for unknown operators."""
        entry = self.of(node)
        return entry is None or entry.reads_contents

    @cached_property
    def entries(self) -> _Entries:
        """All entries, by domain and name."""
        return {**_standard(), **self._contributed, **self._framework, **self.added}

    def _find(self, key: tuple[str, str]) -> Operator | None:
        if key in self.added:  # not guarded: its errors are bugs of the plugin
            return self.added[key]
        found = next((family[key] for family in self._families(key[0]) if key in family), None)
        return None if found is None else guarded(found)

    def _families(self, domain: str) -> Iterator[_Entries]:
        """Yield where an operator of this domain may be; what is not asked for is not loaded."""
        if domain == FRAMEWORK:
            yield self._framework
            return
        yield from map(_family, _FAMILIES)
        if domain:
            yield self._contributed

    @cached_property
    def _asked(self) -> dict[tuple[str, str] | str, Operator | None]:
        """The entries that were asked for; standard operators go by their name alone."""
        return {}

    @cached_property
    def _contributed(self) -> _Entries:
        """The operators of onnxruntime."""
        from archlint.ops.contributed.registry import contributed_operators

        return by_key(contributed_operators(_standard().values()))

    @cached_property
    def _framework(self) -> _Entries:
        """The operators of the framework, that stand for several of a file."""
        from archlint.ops.composite.registry import framework_operators

        return by_key(framework_operators())


def _standard() -> _Entries:
    return {key: entry for name in _FAMILIES for key, entry in _family(name).items()}


@cache
def _family(name: str) -> _Entries:
    return by_key(import_module(f"archlint.ops.standard.{name}").operators())


def by_key(entries: Iterable[Operator]) -> _Entries:
    """Return entries by domain and name."""
    return {(entry.domain, entry.name): entry for entry in entries}


def operators(added: Iterable[Operator] = ()) -> Operators:
    """Return archlint's own operators and those that plugins add, which win."""
    return Operators(by_key(added))
