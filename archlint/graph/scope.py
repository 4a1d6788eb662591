"""What is known of the tensors of one graph while it is read."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from archlint.graph.typeproto import read, write
from archlint.graph.value import Dim, Provenance, Role, Shape, Value

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    from onnx import TypeProto

    from archlint.graph.conflict import Conflict
    from archlint.graph.dtype import DType
    from archlint.graph.weight import Weight


@dataclass(slots=True, eq=False)
class Scope:
    """The tensors of one graph, and of the graphs around it.

    `types` holds the messages of tensors that are none (sequences, optionals). `open` are the
    computed tensors without a full shape. `changed` are those of which more is known than onnx's
    inference of the whole model knew, so that what follows them is worth another look.
    """

    outer: Scope | None = None
    values: dict[str, Value] = field(default_factory=dict)
    constants: dict[str, np.ndarray] = field(default_factory=dict)
    weights: dict[str, Weight] = field(default_factory=dict)
    types: dict[str, TypeProto] = field(default_factory=dict)
    open: set[str] = field(default_factory=set)
    changed: set[str] = field(default_factory=set)
    unknown: dict[str, str] = field(default_factory=dict)
    conflicts: list[Conflict] = field(default_factory=list)
    captures: dict[str, None] = field(default_factory=dict)

    def find(self, name: str) -> bool:
        """Whether the tensor is known here; one of a surrounding graph is captured."""
        if name in self.values:
            return True
        scope = self.outer
        while scope is not None:
            if name in scope.values:
                self._capture(name, scope)
                return True
            scope = scope.outer
        return False

    def _capture(self, name: str, scope: Scope) -> None:
        self.values[name] = scope.values[name]
        self.captures[name] = None
        if name in scope.constants:
            self.constants[name] = scope.constants[name]
        if name in scope.types:
            self.types[name] = scope.types[name]
        if name in scope.changed:
            self.changed.add(name)

    def type_of(self, name: str) -> TypeProto:
        """Return what is known of a tensor as onnx's inference takes it."""
        return self.types.get(name) or write(self.values[name])

    def compute(self, name: str, proto: TypeProto | None, sizes: Mapping[str, int]) -> None:
        """Add the output of a node, of which onnx inferred `proto`."""
        dtype: DType | None = None
        shape: Shape | None = None
        if proto is not None:
            dtype, shape = read(proto, sizes)
            if dtype is None and not proto.HasField("tensor_type"):
                self.types[name] = proto
        if shape is None:
            provenance = Provenance.UNKNOWN
            self.open.add(name)
        else:
            provenance = Provenance.INFERRED
            for dim in shape:
                if dim.__class__ is not int:
                    self.open.add(name)
                    break
        self.values[name] = Value(name, dtype, shape, Role.COMPUTED, provenance)

    def learn(
        self, name: str, dtype: DType | None, shape: Shape | None, provenance: Provenance
    ) -> bool:
        """Take in what was found out about a computed tensor; say whether it was new."""
        old = self.values[name]
        merged = shape if old.shape is None else _merge(old.shape, shape)
        kind = old.dtype or dtype
        if merged == old.shape and kind == old.dtype:
            return False
        self.values[name] = replace(
            old,
            dtype=kind,
            shape=merged,
            provenance=old.provenance if merged == old.shape else provenance,
        )
        self.changed.add(name)
        self.types.pop(name, None)
        if self.values[name].sizes is not None:
            self.open.discard(name)
            self.unknown.pop(name, None)
        return True


def _merge(old: Shape, new: Shape | None) -> Shape:
    """Fill what is open in `old`; where the two disagree, the size is unknown."""
    if new is None or len(new) != len(old):
        return old
    return tuple(_pick(a, b) for a, b in zip(old, new, strict=True))


def _pick(old: Dim, new: Dim) -> Dim:
    if old is None or new == old:
        return new
    if isinstance(old, str):
        return new if isinstance(new, int) else old
    return old
