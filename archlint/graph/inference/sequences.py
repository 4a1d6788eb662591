"""Which tensors a sequence contains, where that can be determined."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, TypeAlias

from archlint.graph.value import Dim, Provenance, Shape, Value

if TYPE_CHECKING:
    from archlint.graph.node import Node
    from archlint.graph.reading.scope import Scope

Items: TypeAlias = tuple[Value, ...]
_LONGEST = 1024
"""Number of items up to which the items of a sequence are tracked."""


def follow(node: Node, scope: Scope) -> None:
    """Infer the items of a sequence that a node creates, or the tensor that it takes from one."""
    if node.op in _TAKERS:
        source = scope.sequences.get(node.inputs[0]) if node.inputs else None
        found = _TAKERS[node.op](node, scope, source) if source is not None else None
        if found is not None:
            scope.learn(node.output, found.dtype, found.shape, Provenance.INFERRED)
    elif node.op in _MAKERS:
        items = _MAKERS[node.op](node, scope)
        if items is not None and len(items) <= _LONGEST:
            scope.sequences[node.output] = items


def _number(node: Node, slot: int, scope: Scope) -> int | None:
    """Return the integer in input `slot`, where it is known."""
    name = node.inputs[slot] if slot < len(node.inputs) else ""
    array = scope.constants.get(name)
    return int(array.reshape(-1)[0]) if array is not None and array.size == 1 else None


def _construct(node: Node, scope: Scope) -> Items | None:
    return tuple(scope.values[name] for name in node.inputs)


def _same(node: Node, scope: Scope) -> Items | None:
    return scope.sequences.get(node.inputs[0])


def _empty(_: Node, __: Scope) -> Items | None:
    return ()


def _insert(node: Node, scope: Scope) -> Items | None:
    items = scope.sequences.get(node.inputs[0])
    if items is None:
        return None
    position = len(items) if len(node.inputs) < 3 else _number(node, 2, scope)
    if position is None:
        return None
    position += len(items) if position < 0 else 0
    return (*items[:position], scope.values[node.inputs[1]], *items[position:])


def _erase(node: Node, scope: Scope) -> Items | None:
    items = scope.sequences.get(node.inputs[0])
    position = -1 if len(node.inputs) < 2 else _number(node, 1, scope)
    if not items or position is None or not -len(items) <= position < len(items):
        return None
    position %= len(items)
    return (*items[:position], *items[position + 1 :])


def _split(node: Node, scope: Scope) -> Items | None:
    """Split a tensor into parts of given sizes, or of one size (1 where none is given)."""
    data = scope.values[node.inputs[0]]
    axis = node.attributes.get("axis", 0)
    if not data.shape or not isinstance(axis, int):
        return None
    axis %= len(data.shape)
    size = data.shape[axis]
    given = node.inputs[1] if len(node.inputs) > 1 else ""
    split = scope.constants.get(given)
    if split is not None and split.ndim:
        return tuple(_part(data, axis, int(part)) for part in split.reshape(-1))
    if not isinstance(size, int) or (given and split is None):
        return None
    if split is None:
        kept = bool(node.attributes.get("keepdims", 1))
        return (_part(data, axis, 1 if kept else None),) * min(size, _LONGEST + 1)
    part = int(split)
    if part <= 0 or size // part > _LONGEST:
        return None
    rest = (size % part,) if size % part else ()
    return tuple(_part(data, axis, length) for length in (part,) * (size // part) + rest)


def _part(data: Value, axis: int, size: Dim) -> Value:
    """Return a slice of a tensor; without the axis where `size` is None."""
    shape = data.shape or ()
    middle = () if size is None else (size,)
    return Value(data.name, data.dtype, (*shape[:axis], *middle, *shape[axis + 1 :]), data.role)


def _at(node: Node, scope: Scope, items: Items) -> Value | None:
    position = _number(node, 1, scope)
    if position is None or not -len(items) <= position < len(items):
        return None
    return items[position]


def _join(node: Node, _: Scope, items: Items) -> Value | None:
    """Concatenate the items along an axis, or stack them along a new one."""
    axis, shapes = node.attributes.get("axis", 0), [item.shape for item in items]
    first = shapes[0] if shapes else None
    if first is None or not isinstance(axis, int):
        return None
    if node.attributes.get("new_axis", 0):
        if any(shape != first for shape in shapes):
            return None
        axis %= len(first) + 1
        return Value("", items[0].dtype, (*first[:axis], len(items), *first[axis:]), items[0].role)
    axis %= len(first)
    total = _total(shapes, axis)
    if total is None:
        return None
    return Value("", items[0].dtype, (*first[:axis], total, *first[axis + 1 :]), items[0].role)


def _total(shapes: list[Shape | None], axis: int) -> int | None:
    """Return the size of the joined axis."""
    total = 0
    for shape in shapes:
        size = shape[axis] if shape is not None and axis < len(shape) else None
        if not isinstance(size, int):
            return None
        total += size
    return total


_MAKERS: Mapping[str, Callable[[Node, Scope], Items | None]] = {
    "Identity": _same,
    "SequenceConstruct": _construct,
    "SequenceEmpty": _empty,
    "SequenceInsert": _insert,
    "SequenceErase": _erase,
    "SplitToSequence": _split,
}
_TAKERS: Mapping[str, Callable[[Node, Scope, Items], Value | None]] = {
    "SequenceAt": _at,
    "ConcatFromSequence": _join,
}
