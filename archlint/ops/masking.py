"""Causal masks: whether attention scores exclude every later position."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING

from msgspec import Struct, field

if TYPE_CHECKING:
    import numpy as np

    from archlint.graph.graph import Graph
    from archlint.graph.node import Node

# Masks use numbers of this order instead of minus infinity.
_VERY_NEGATIVE = -1e4
_DEEPEST = 24
_LONGEST_COMPARED = 2048


class Pattern(enum.Enum):
    """The values of a matrix (..., rows, columns) in the columns after the diagonal."""

    ZEROS = "zeros"  # zero or false, so that a product with it leaves nothing there
    ONES = "ones"  # not zero or true
    BLOCKS = "blocks"  # so negative that a softmax leaves nothing there


_OPPOSITE = {Pattern.ZEROS: Pattern.ONES, Pattern.ONES: Pattern.ZEROS}
_MOVES = frozenset(
    {"Identity", "Cast", "CastLike", "Unsqueeze", "Squeeze", "Expand", "Reshape", "Slice", "Tile"}
)
_WEIGHS = frozenset({"Identity", "Cast", "CastLike", "Dropout"})
_SCALES = _WEIGHS | {"Mul", "Div", "Max"}
_COMBINES = _MOVES | {"Not", "Equal", "Sub", "Mul", "Where"}
_COMPARES = frozenset({"Less", "LessOrEqual", "Greater", "GreaterOrEqual"})


class Masks(Struct, frozen=True):
    """The masks of one graph: computed ones, and small constants.

    Large stored masks are not read here: their contents are weight bytes.
    """

    graph: Graph
    _known: dict[str, Pattern | None] = field(default_factory=dict)

    def weighs_causally(self, weights: str) -> bool:
        """Whether `weights`, by which positions are summed, are zero in columns after the row."""
        for _ in range(_DEEPEST):
            node = self.graph.producers.get(weights)
            if node is None:
                return False
            if node.op == "Softmax":
                return self.scores_causally(node.inputs[0])
            if node.op == "Mul" and any(self.of(name) is Pattern.ZEROS for name in node.inputs):
                return True
            if node.op not in _WEIGHS:
                return False
            weights = node.inputs[0]
        return False

    def scores_causally(self, scores: str) -> bool:
        """Whether a mask blocks the columns after the row of `scores` before their softmax."""
        pending, seen = [scores], {scores}
        while pending:
            node = self.graph.producers.get(pending.pop())
            if node is None:
                continue
            if node.op == "Where":
                kept = self._kept(node)
                if kept is None:
                    return True
                before = [kept]
            elif node.op in {"Add", "Sum"} or node.op in _SCALES:
                before = [name for name in node.inputs if name]
                if node.op not in _SCALES and any(
                    self.of(name) is Pattern.BLOCKS for name in before
                ):
                    return True
            else:
                continue
            pending.extend(name for name in before if name not in seen)
            seen.update(before)
        return False

    def blocks(self, name: str) -> bool:
        """Whether a tensor is minus infinity, or near it, everywhere or after the diagonal."""
        return self._is_very_negative(name) or self.of(name) is Pattern.BLOCKS

    def _kept(self, node: Node) -> str | None:
        """Return the operand that a Where passes; None if it blocks the columns after the row."""
        condition, chosen, other = node.inputs
        pattern = self.of(condition)
        if pattern is Pattern.ONES and self._is_very_negative(chosen):
            return None
        if pattern is Pattern.ZEROS and self._is_very_negative(other):
            return None
        return other if self._is_very_negative(chosen) else chosen

    def of(self, name: str, depth: int = 0) -> Pattern | None:
        """Return the pattern of a mask, None where it is not known to have one."""
        if name not in self._known:
            self._known[name] = self._of(name, depth) if depth < _DEEPEST else None
        return self._known[name]

    def _of(self, name: str, depth: int) -> Pattern | None:
        contents = self.graph.constants.get(name)
        if contents is not None:
            return _of_contents(contents)
        node = self.graph.producers.get(name)
        if node is None:
            return None
        if node.op == "Trilu":
            return self._of_triangle(node)
        if node.op in _COMPARES:
            return self._of_comparison(node)
        if node.op in _COMBINES:
            return self._of_mask(node, [self.of(each, depth + 1) for each in node.inputs if each])
        return None

    def _of_mask(self, node: Node, patterns: list[Pattern | None]) -> Pattern | None:
        """Return the pattern of a combination of masks with `patterns`."""
        result: Pattern | None = None
        if node.op in _MOVES:
            result = patterns[0]
        elif node.op == "Not" or (node.op == "Equal" and self._is_zero(node.inputs[1])):
            result = _opposite(patterns[0])
        elif node.op == "Sub" and self._is_one(node.inputs[0]):
            result = _opposite(patterns[1])
        elif node.op == "Mul" and Pattern.ONES in patterns:
            other = node.inputs[1 - patterns.index(Pattern.ONES)]
            result = Pattern.BLOCKS if self._is_very_negative(other) else None
        elif node.op == "Where" and patterns[0] in _OPPOSITE:
            after = node.inputs[1 if patterns[0] is Pattern.ONES else 2]
            result = Pattern.BLOCKS if self._is_very_negative(after) else None
        return result

    def _of_triangle(self, node: Node) -> Pattern | None:
        diagonal = 0
        if len(node.inputs) > 1 and node.inputs[1]:
            contents = self.graph.constants.get(node.inputs[1])
            if contents is None:
                return None
            diagonal = int(contents.reshape(-1)[0])
        if not node.attributes.get("upper", 1):
            return Pattern.ZEROS if diagonal <= 0 else None
        if diagonal > 1:
            return None
        if self._is_very_negative(node.inputs[0]):
            return Pattern.BLOCKS if diagonal == 1 else None
        return Pattern.ONES if self._is_one(node.inputs[0]) else None

    def _of_comparison(self, node: Node) -> Pattern | None:
        """Return the pattern of rows of positions compared with columns of positions."""
        import numpy as np

        sides = [self.graph.constants.get(name) for name in node.inputs]
        left, right = sides
        if left is None or right is None or max(left.size, right.size) > _LONGEST_COMPARED:
            return None
        compare = {
            "Less": np.less,
            "LessOrEqual": np.less_equal,
            "Greater": np.greater,
            "GreaterOrEqual": np.greater_equal,
        }[node.op]
        return _of_contents(compare(left, right))

    def _is_very_negative(self, name: str) -> bool:
        """Whether every entry stands for minus infinity."""
        value = self._everywhere(name)
        if value is None or value.dtype.kind != "f":
            return False
        if value.size and value.item(0) > _VERY_NEGATIVE:
            return False  # the case of nearly all tensors, without a check of every entry
        return bool((value <= _VERY_NEGATIVE).all())

    def _is_one(self, name: str) -> bool:
        value = self._everywhere(name)
        return value is not None and bool((value == 1).all())

    def _is_zero(self, name: str) -> bool:
        value = self._everywhere(name)
        return value is not None and bool((value == 0).all())

    def _everywhere(self, name: str) -> np.ndarray | None:
        """Return the set of values of all entries, None where it is not known."""
        import numpy as np

        for _ in range(_DEEPEST):
            contents = self.graph.constants.get(name)
            if contents is not None:
                return contents if contents.size else None
            node = self.graph.producers.get(name)
            if node is None:
                return None
            if node.op == "ConstantOfShape":
                value = node.attributes.get("value")
                return value if isinstance(value, np.ndarray) else np.zeros(1, np.float32)
            if node.op not in _MOVES:
                return None
            name = node.inputs[0]
        return None


def adds_to_scores(node: Node, graph: Graph) -> bool:
    """Whether a node adds to the scores of attention, which a softmax alone reads."""
    users = graph.consumers.get(node.output, ())
    return node.op == "Add" and bool(users) and all(user.op == "Softmax" for user in users)


def _of_contents(contents: np.ndarray) -> Pattern | None:
    import numpy as np

    if contents.ndim < 2:
        return None
    rows, columns = contents.shape[-2:]
    after = contents[..., np.arange(columns)[None, :] > np.arange(rows)[:, None]]
    if not after.size:
        return None
    if contents.dtype.kind == "f" and (after <= _VERY_NEGATIVE).all():
        return Pattern.BLOCKS
    if (after == 0).all():
        return Pattern.ZEROS
    return Pattern.ONES if (after != 0).all() else None


def _opposite(pattern: Pattern | None) -> Pattern | None:
    return None if pattern is None else _OPPOSITE.get(pattern)
