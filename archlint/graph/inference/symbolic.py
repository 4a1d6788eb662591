"""Output shapes that follow from partly known sizes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from math import prod
from typing import TYPE_CHECKING, TypeAlias

from archlint.graph.value import Dim, Provenance, Shape

if TYPE_CHECKING:
    import numpy as np

    from archlint.graph.node import Node
    from archlint.graph.reading.scope import Scope

Rule: TypeAlias = Callable[["Node", "Scope"], Shape | None]
_MOST_AXES = 64


def resolve(node: Node, scope: Scope) -> None:
    """Set the output shape of a node that follows from its operand of sizes."""
    rule = _RULES.get(node.op)
    if rule is None or node.domain or not node.outputs or node.outputs[0] not in scope.open:
        return
    shape = rule(node, scope)
    if shape is not None:
        dtype = scope.values[node.inputs[0]].dtype
        made = scope.values[node.outputs[0]].dtype
        kept = made or (dtype if node.op != "ConstantOfShape" else None)
        scope.learn(node.outputs[0], kept, shape, Provenance.INFERRED)


def _sizes(node: Node, slot: int, scope: Scope) -> list[Dim] | None:
    """Return the sizes in input `slot`, each a number, a symbol or None."""
    name = node.inputs[slot] if slot < len(node.inputs) else ""
    array: np.ndarray | None = scope.constants.get(name)
    if array is None:
        array = scope.partials.get(name)
    if array is None or array.ndim != 1 or array.size > _MOST_AXES or array.dtype.kind == "f":
        return None
    return [dim if isinstance(dim, str) or dim is None else int(dim) for dim in array]


def _reshape(node: Node, scope: Scope) -> Shape | None:
    data, target = scope.values[node.inputs[0]].shape, _sizes(node, 1, scope)
    if target is None:
        return None
    if not node.attributes.get("allowzero", 0):
        target = [
            (data[axis] if data is not None and axis < len(data) else None) if dim == 0 else dim
            for axis, dim in enumerate(target)
        ]
    if target.count(-1) == 1 and data is not None:
        place = target.index(-1)
        target[place] = _rest(data, [*target[:place], *target[place + 1 :]])
    return _proper(target)


def _rest(data: Shape, others: list[Dim]) -> Dim:
    """Return the size for -1, so that with `others` there are as many elements as in `data`."""
    if None in data or None in others:
        return None
    symbols = Counter(dim for dim in data if isinstance(dim, str))
    removed = Counter(dim for dim in others if isinstance(dim, str))
    if removed - symbols:
        return None
    left = list((symbols - removed).elements())
    elements = prod(dim for dim in data if isinstance(dim, int))
    divisor = prod(dim for dim in others if isinstance(dim, int))
    if divisor <= 0 or elements % divisor:
        return None
    if not left:
        return elements // divisor
    return left[0] if len(left) == 1 and elements == divisor else None


def _expand(node: Node, scope: Scope) -> Shape | None:
    data, target = scope.values[node.inputs[0]].shape, _sizes(node, 1, scope)
    if data is None or target is None:
        return None
    return _proper(list(broadcast(data, target)))


def broadcast(first: Sequence[Dim], second: Sequence[Dim]) -> Shape:
    """Return the shape that two shapes are broadcast to."""
    rank = max(len(first), len(second))
    left = (*(1,) * (rank - len(first)), *first)
    right = (*(1,) * (rank - len(second)), *second)
    return tuple(_broadcast(a, b) for a, b in zip(left, right, strict=True))


def _broadcast(left: Dim, right: Dim) -> Dim:
    if left == 1:
        return right
    if right in (1, left):
        return left
    # A size other than 1 wins over one that is not known, which can only be the same or 1.
    numbers = [dim for dim in (left, right) if isinstance(dim, int)]
    return numbers[0] if len(numbers) == 1 else None


def _made(node: Node, scope: Scope) -> Shape | None:
    """The sizes are the shape, as in ConstantOfShape."""
    sizes = _sizes(node, 0, scope)
    return None if sizes is None else _proper(sizes)


def _resize(node: Node, scope: Scope) -> Shape | None:
    sizes = _sizes(node, 3, scope)
    if sizes is None or "axes" in node.attributes:
        return None
    if node.attributes.get("keep_aspect_ratio_policy", "stretch") != "stretch":
        return None
    return _proper(sizes)


def _range(node: Node, scope: Scope) -> Shape | None:
    """Count from 0 to a size, by ones: the size is the length."""
    start, step = scope.constants.get(node.inputs[0]), scope.constants.get(node.inputs[2])
    limit = scope.partials.get(node.inputs[1])
    if start is None or step is None or limit is None or limit.size != 1:
        return None
    counted = start.size == 1 and step.size == 1 and start.item() == 0 and step.item() == 1
    return _proper([limit.item()]) if counted else None


def _proper(dims: list[Dim]) -> Shape:
    """Return a shape in which negative sizes are unknown."""
    return tuple([None if isinstance(dim, int) and dim < 0 else dim for dim in dims])


_RULES: Mapping[str, Rule] = {
    "ConstantOfShape": _made,
    "Expand": _expand,
    "Range": _range,
    "Reshape": _reshape,
    "Resize": _resize,
}
