"""Kinds: all that is known of a tensor but its name, and of a call but the names of its tensors.

Networks repeat their layers: of 50,000 calls, a few hundred are not like another one. What follows
from a call is worked out once for its kind: what its outputs are, and what is in them.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import field
from typing import TYPE_CHECKING, TypeAlias

from archlint.record import record

if TYPE_CHECKING:
    import numpy as np

    from archlint.graph.dtype import DType
    from archlint.graph.node import Node
    from archlint.graph.reading.context import Outcome
    from archlint.graph.reading.scope import Scope
    from archlint.graph.value import Provenance, Role, Shape

CallKey: TypeAlias = Hashable

_BY_FRACTIONS = frozenset(
    {"ConstantOfShape", "Expand", "OneHot", "Range", "Reshape", "Resize", "Upsample"}
)
"""Operators whose output sizes may follow from floating-point numbers, where a file gives such."""


@record(eq=False)
class TensorKind:
    """What is known of a tensor: two of one kind are the same but for their names.

    Contents are part of it, except for several floating-point numbers, which are weights most
    often: it `has_fractions` then, and says nothing of what they are.
    """

    dtype: DType | None
    shape: Shape | None
    role: Role
    provenance: Provenance
    is_open: bool = False
    is_known: bool = False
    has_fractions: bool = False


ABSENT = TensorKind(None, None, None, None)  # type: ignore[arg-type]  # of no tensor


@record(eq=False)
class Made:
    """An output of a call: its kind, and its contents as numbers or as far as they are known."""

    kind: TensorKind
    contents: np.ndarray | None
    partial: np.ndarray | None


@record(eq=False, frozen=False)
class CallKind:
    """What follows from a call.

    `inferred` is what onnx says of its outputs. `made` are the outputs as they are in the end, None
    where they depend on more than the call, or where there is more to say of them. One that `waits`
    takes what the file declares of them where it does.
    """

    inferred: Outcome
    made: tuple[Made, ...] | None = None
    waits: bool = False


@record(eq=False)
class Kinds:
    """The kinds of one model's tensors and calls."""

    calls: dict[CallKey, CallKind] = field(default_factory=dict)
    _tensors: dict[Hashable, TensorKind] = field(default_factory=dict)

    def key(self, node: Node, scope: Scope) -> CallKey | None:
        """Return what is the same for equal calls; None where more has a say than can be told.

        The attributes of equal calls are one object.
        """
        op, inputs, outputs = node.op, node.inputs, node.outputs
        known = scope.kinds
        kinds = [known.get(name) or self.of(name, scope) for name in inputs]
        if None in kinds:
            return None
        present = len(outputs) if all(outputs) else tuple(map(bool, outputs))
        if op in _BY_FRACTIONS:
            vague = [name for name in inputs if known[name].has_fractions]
            fractions = [scope.constants[name].tobytes() for name in vague]
            return (op, node.domain, id(node.attributes), present, *kinds, *fractions)
        return (op, node.domain, id(node.attributes), present, *kinds)

    def of(self, name: str, scope: Scope) -> TensorKind | None:
        """Return the kind of a tensor; None for sequences, and for positions without an end."""
        if name in scope.types or name in scope.sequences or name in scope.highest:
            return None
        value = scope.values[name]
        contents, partial = scope.constants.get(name), scope.partials.get(name)
        fractions = contents is not None and contents.dtype.kind == "f" and contents.size > 1
        is_open = name in scope.open
        key = (
            value.dtype,
            value.shape,
            value.role,
            value.provenance,
            is_open,
            fractions or _numbers(contents),
            None if partial is None else _elements(partial),
        )
        kind = self._tensors.get(key)
        if kind is None:
            is_known = contents is not None or partial is not None
            kind = TensorKind(*key[:5], is_known, fractions)
            self._tensors[key] = kind
        scope.kinds[name] = kind
        return kind

    def learn(self, key: CallKey, node: Node, scope: Scope, *, waits: bool) -> CallKind:
        """Record the outputs of a call for other calls of its kind; return the kind."""
        if key not in self.calls:
            self.calls[key] = CallKind("")
        kind = self.calls[key]
        kind.made, kind.waits = self._made(node.inputs, node.outputs, scope), waits
        return kind

    def _made(
        self, inputs: Sequence[str], outputs: Sequence[str], scope: Scope
    ) -> tuple[Made, ...] | None:
        """Return what a call has made of its inputs, None where that is not all there is to it."""
        kinds = [scope.kinds[name] for name in inputs]
        if any(kind.has_fractions for kind in kinds) and all(
            kind.is_known or kind is ABSENT for kind in kinds
        ):
            return None  # it is folded, from numbers that kinds say nothing of
        made = []
        for name in outputs:
            if not name:
                made.append(_NOTHING)
                continue
            if name in scope.unknown or name in scope.refusals or name in scope.weights:
                return None
            kind = self.of(name, scope)
            if kind is None:
                return None
            made.append(Made(kind, scope.constants.get(name), scope.partials.get(name)))
        return tuple(made)


_NOTHING = Made(ABSENT, None, None)


def _numbers(array: np.ndarray | None) -> Hashable:
    return None if array is None else (array.dtype.str, array.shape, array.tobytes())


def _elements(array: np.ndarray) -> Hashable:
    """Return what is in an array of numbers, symbols and None; a boolean is no number."""
    items = array.reshape(-1).tolist()
    return array.shape, tuple(items), tuple(map(type, items))
