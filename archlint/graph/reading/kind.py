"""Kinds: what is known of a tensor except its name, and of a call except its tensor names.

Networks repeat their layers: of 50,000 calls, only a few hundred are distinct. The outputs of a
call and their contents are inferred once for each kind of call.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import TYPE_CHECKING, TypeAlias

from msgspec import Struct, field

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
"""Operators whose output sizes may depend on floating-point inputs."""


class TensorKind(Struct, frozen=True, eq=False):
    """What is known of a tensor: tensors of the same kind differ only in their names.

    Known contents are part of it, except for arrays of floating-point numbers, which usually are
    weights: these only set `has_fractions`.
    """

    dtype: DType | None
    shape: Shape | None
    role: Role
    provenance: Provenance
    is_open: bool = False
    is_known: bool = False
    has_fractions: bool = False


ABSENT = TensorKind(None, None, None, None)  # type: ignore[arg-type]  # of no tensor


class Made(Struct, frozen=True, eq=False):
    """An output of a call: its kind, and its full or partial contents where known."""

    kind: TensorKind
    contents: np.ndarray | None
    partial: np.ndarray | None


class CallKind(Struct, eq=False):
    """The result of reading a call, for all equal calls.

    `inferred` is the result of onnx's inference. `made` are the final outputs, None where they
    depend on more than the call, or have properties that are not part of a kind. Where `left_open`,
    onnx left an output open, so that a shape that the file declares takes precedence.
    """

    inferred: Outcome
    made: tuple[Made, ...] | None = None
    left_open: bool = False


class Kinds(Struct, frozen=True, eq=False):
    """The kinds of one model's tensors and calls."""

    calls: dict[CallKey, CallKind] = field(default_factory=dict)
    _tensors: dict[Hashable, TensorKind] = field(default_factory=dict)

    def key(self, node: Node, scope: Scope) -> CallKey | None:
        """Return a key that equal calls share; None where the kind of an input is not known.

        Equal calls share one object of attributes.
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
        """Return the kind of a tensor; None for sequences and for tensors of large positions."""
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

    def learn(self, key: CallKey, node: Node, scope: Scope, *, left_open: bool) -> CallKind:
        """Record the outputs of a call for other calls of its kind; return the kind."""
        if key not in self.calls:
            self.calls[key] = CallKind("")
        kind = self.calls[key]
        kind.made, kind.left_open = self._made(node.inputs, node.outputs, scope), left_open
        return kind

    def _made(
        self, inputs: Sequence[str], outputs: Sequence[str], scope: Scope
    ) -> tuple[Made, ...] | None:
        """Return the outputs of a call, None where kinds do not describe them completely."""
        kinds = [scope.kinds[name] for name in inputs]
        if any(kind.has_fractions for kind in kinds) and all(
            kind.is_known or kind is ABSENT for kind in kinds
        ):
            return None  # it is folded from contents that kinds do not include
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
    """Return the elements of an array of numbers, symbols and None, with their types."""
    items = array.reshape(-1).tolist()
    return array.shape, tuple(items), tuple(map(type, items))
