"""What is known about the tensors of one graph while it is read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct, field
from onnx import TypeProto

from archlint.graph.dtype import DType
from archlint.graph.inference.hazards import is_long
from archlint.graph.inference.standard import Refusal
from archlint.graph.inference.typeproto import write
from archlint.graph.reading.kind import ABSENT
from archlint.graph.value import Dim, Provenance, Role, Shape, Value

if TYPE_CHECKING:
    from collections.abc import Iterable

    import numpy as np

    from archlint.graph.conflict import Conflict
    from archlint.graph.inference.typeproto import Described, Types
    from archlint.graph.reading.context import Outcome
    from archlint.graph.reading.kind import Made, TensorKind
    from archlint.graph.weight import Weight


_UNKNOWN, _INFERRED = Provenance.UNKNOWN, Provenance.INFERRED


class Scope(Struct, eq=False):
    """The tensors of one graph, and of its outer graphs.

    `partials` holds partly known integer tensors, as arrays of numbers, symbols and None; `types`
    the serialized types of sequences and optionals, `sequences` the items of known sequences.
    `highest` holds the largest value of tensors of positions that are too large to be constants.
    `open` are the computed tensors without a full shape. `kinds` caches the kinds of tensors.
    """

    outer: Scope | None = None
    values: dict[str, Value] = field(default_factory=dict)
    constants: dict[str, np.ndarray] = field(default_factory=dict)
    partials: dict[str, np.ndarray] = field(default_factory=dict)
    highest: dict[str, int] = field(default_factory=dict)
    weights: dict[str, Weight] = field(default_factory=dict)
    types: dict[str, bytes] = field(default_factory=dict)
    sequences: dict[str, tuple[Value, ...]] = field(default_factory=dict)
    open: set[str] = field(default_factory=set)
    unknown: dict[str, str] = field(default_factory=dict)
    refusals: dict[str, str] = field(default_factory=dict)
    conflicts: list[Conflict] = field(default_factory=list)
    captures: dict[str, None] = field(default_factory=dict)
    kinds: dict[str, TensorKind] = field(default_factory=lambda: {"": ABSENT})

    def find(self, name: str) -> bool:
        """Whether the tensor is known here; one of an outer graph is captured.

        The graphs in between capture it as well.
        """
        if name in self.values:
            return True
        if self.outer is None or not self.outer.find(name):
            return False
        self._capture(name, self.outer)
        return True

    def _capture(self, name: str, scope: Scope) -> None:
        self.values[name] = scope.values[name]
        self.captures[name] = None
        if name in scope.constants:
            self.constants[name] = scope.constants[name]
        if name in scope.partials:
            self.partials[name] = scope.partials[name]
        if name in scope.highest:
            self.highest[name] = scope.highest[name]
        if name in scope.types:
            self.types[name] = scope.types[name]
        if name in scope.sequences:
            self.sequences[name] = scope.sequences[name]

    def type_of(self, name: str) -> TypeProto:
        """Return the type of a tensor as input for onnx's inference."""
        raw = self.types.get(name)
        if raw is not None:
            proto: TypeProto = TypeProto.FromString(raw)
            return proto
        value = self.values[name]
        if value.shape is not None and value.dtype is DType.INT64 and is_long(value.shape):
            value = Value(name, value.dtype, (None,), value.role)
        return write(value)

    def give(self, name: str, described: Described) -> None:
        """Add an input of a nested graph."""
        provenance = Provenance.UNKNOWN if described.shape is None else Provenance.INFERRED
        self.values[name] = Value(name, described.dtype, described.shape, Role.INPUT, provenance)

    def _leave_open(self, names: list[str], reason: str) -> None:
        """Add outputs with unknown type and shape."""
        if isinstance(reason, Refusal) and names:
            self.refusals[names[0]] = reason
        for name in names:
            self.values[name] = Value(name, None, None, Role.COMPUTED)
            self.open.add(name)
            if reason:
                self.unknown[name] = reason

    def compute(self, names: tuple[str, ...], found: Outcome, types: Types) -> None:
        """Add the outputs of a node with the types that onnx inferred."""
        if isinstance(found, str):
            self._leave_open([name for name in names if name], found)
            return
        for name, raw in zip(names, found, strict=True):
            if not name:
                continue
            if raw is None:
                self.values[name] = Value(name, None, None, Role.COMPUTED)
                self.open.add(name)
                continue
            known = types.read(raw)
            provenance = _UNKNOWN if known.shape is None else _INFERRED
            self.values[name] = Value(name, known.dtype, known.shape, Role.COMPUTED, provenance)
            if not known.full:
                self.open.add(name)
            if not known.tensor:
                self.types[name] = raw

    def repeat(self, names: tuple[str, ...], made: tuple[Made, ...]) -> None:
        """Add the outputs of a node, equal to those of an equal call."""
        for name, each in zip(names, made, strict=True):
            if not name:
                continue
            kind = each.kind
            self.values[name] = Value(name, kind.dtype, kind.shape, kind.role, kind.provenance)
            self.kinds[name] = kind
            if each.contents is not None:
                self.constants[name] = each.contents
            if each.partial is not None:
                self.partials[name] = each.partial
            if kind.is_open:
                self.open.add(name)

    def amend(self, value: Value) -> None:
        """Replace the description of a tensor; its contents become unknown."""
        self.values[value.name] = value
        self.constants.pop(value.name, None)
        self.kinds.pop(value.name, None)

    def drop(self, names: Iterable[str]) -> None:
        """Remove the outputs of a node, which other nodes will produce."""
        for name in names:
            for table in (
                self.values,
                self.unknown,
                self.refusals,
                self.types,
                self.constants,
                self.kinds,
            ):
                table.pop(name, None)
            self.open.discard(name)

    def learn(
        self, name: str, dtype: DType | None, shape: Shape | None, provenance: Provenance
    ) -> bool:
        """Merge new information on a computed tensor; return whether it changed anything."""
        old = self.values[name]
        merged = shape if old.shape is None else _merge(old.shape, shape)
        kind = old.dtype or dtype
        if merged == old.shape and kind == old.dtype:
            return False
        known = old.provenance if merged == old.shape else provenance
        self.values[name] = Value(name, kind, merged, old.role, known)
        self.types.pop(name, None)
        self.kinds.pop(name, None)
        if self.values[name].sizes is not None:
            self.open.discard(name)
            self.unknown.pop(name, None)
        return True


def _merge(old: Shape, new: Shape | None) -> Shape:
    """Fill unknown dimensions of `old`; where both disagree, the size is unknown."""
    if new is None or new == old or len(new) != len(old):
        return old
    return tuple(_pick(a, b) for a, b in zip(old, new, strict=True))


def _pick(old: Dim, new: Dim) -> Dim:
    if old is None or new == old:
        return new
    if isinstance(old, str):
        return new if isinstance(new, int) else old
    return old
