"""What becomes of a network where a stored number is infinite."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING

from msgspec import Struct, field
from msgspec.structs import replace

if TYPE_CHECKING:
    from collections.abc import Iterator

    from archlint.graph.graph import Graph
    from archlint.graph.node import Node
    from archlint.ops.registry import Operators

_MOST = 64  # tensors that are looked at behind one
_DEEPEST = 16
_FIRST_MASK = 3  # the slot of attention after queries, keys and values

_MOVES = frozenset(
    {
        "Cast",
        "CastLike",
        "Concat",
        "Expand",
        "Flatten",
        "Gather",
        "Identity",
        "Reshape",
        "Slice",
        "Split",
        "Squeeze",
        "Tile",
        "Transpose",
        "Trilu",
        "Unsqueeze",
    }
)
_BOUNDS = frozenset(
    {
        "ArgMax",
        "ArgMin",
        "Clip",
        "Equal",
        "Greater",
        "GreaterOrEqual",
        "Less",
        "LessOrEqual",
        "Max",
        "Min",
        "ReduceMax",
        "ReduceMin",
        "Shape",
        "Sign",
        "Size",
        "TopK",
    }
)
_ADDS = frozenset({"Add", "Sub", "Sum"})
_MULTIPLIES = frozenset({"Mul", "Div", "MatMul", "Gemm", "Einsum"})
_SHARES = frozenset({"Softmax", "LogSoftmax", "Hardmax"})


class Fate(enum.IntEnum):
    """What an infinite number does, from nothing to the worst."""

    BOUNDS = 0  # something is compared with it
    UNKNOWN = 1
    MASKS = 2  # a softmax gives nothing to it, and is NaN where all is masked
    SPOILS = 3  # the results are infinite, NaN or zero


class Ending(Struct, frozen=True):
    """A fate, and the operator in which it is met; None where nothing is known to happen."""

    fate: Fate
    node: Node | None = None


class _Place(Struct, frozen=True):
    """A tensor with infinity of one sign; `selected` where a condition decides whether it is."""

    tensor: str
    positive: bool
    selected: bool = False


class Infinities(Struct, frozen=True):
    """The fates of the tensors of one graph, if they hold infinity."""

    graph: Graph
    operators: Operators
    _known: dict[_Place, Ending] = field(default_factory=dict)

    def of(self, name: str, *, positive: bool) -> Ending:
        """Return the worst that infinity in a tensor does; negative infinity is a usual mask."""
        start = _Place(name, positive)
        if start not in self._known:
            self._known[start] = self._walk(start)
        return self._known[start]

    def _walk(self, start: _Place) -> Ending:
        worst = Ending(Fate.BOUNDS)
        pending = [start]
        for place in pending:  # it grows
            found = [Ending(Fate.UNKNOWN)] if place.tensor in self.graph.outputs else []
            for node, slot in self._uses(place.tensor):
                met = self._met(node, slot, place)
                if isinstance(met, Ending):
                    found.append(met)
                    continue
                behind = [replace(met, tensor=name) for name in node.outputs if name]
                pending += [each for each in behind if each not in pending]
            worst = max((worst, *found), key=lambda each: each.fate)
            if len(pending) > _MOST:
                return max(worst, Ending(Fate.UNKNOWN), key=lambda each: each.fate)
        return worst

    def _uses(self, name: str) -> Iterator[tuple[Node, int]]:
        for node in self.graph.consumers.get(name, ()):
            for slot, read in enumerate(node.inputs):
                if read == name:
                    yield node, slot

    def _met(self, node: Node, slot: int, place: _Place) -> Ending | _Place:
        """Return what infinity does in a node, or where it is behind it."""
        after = replace(place, tensor=node.output)
        if node.output in self.graph.constants or node.op in _BOUNDS:
            return Ending(Fate.BOUNDS)  # what is computed from known numbers is looked at itself
        if node.op in _MOVES:
            return after if slot == 0 or node.op == "Concat" else Ending(Fate.BOUNDS)
        if node.op == "Where":
            is_bound = slot == 0 or self._asks_for_infinity(node.inputs[0])
            return Ending(Fate.BOUNDS) if is_bound else replace(after, selected=True)
        if node.op in _ADDS:
            return replace(after, positive=place.positive is not (node.op == "Sub" and slot == 1))
        if node.op in _SHARES or ("Attention" in node.op and slot >= _FIRST_MASK):
            return Ending(Fate.SPOILS if place.positive else Fate.MASKS, node)
        return self._multiplied(node, slot, place)

    def _multiplied(self, node: Node, slot: int, place: _Place) -> Ending | _Place:
        if len(node.inputs) == 2 and (node.op == "Mul" or (node.op == "Div" and slot == 0)):
            factor = self._factor(node.inputs[1 - slot], place.tensor)
            if factor:
                return replace(place, tensor=node.output, positive=place.positive is (factor > 0))
        operator = self.operators.of(node)
        is_factor = node.op in _MULTIPLIES or (node.op == "Pow" and slot == 0)
        if is_factor or (operator is not None and slot in operator.weights):
            return Ending(Fate.UNKNOWN if place.selected else Fate.SPOILS, node)
        return Ending(Fate.UNKNOWN, node)

    def _factor(self, name: str, scaled: str) -> float | None:
        """Return a factor of a tensor: its number where it is known, 1 for a temperature.

        Such a scalar of scores is positive; scores that are a scalar themselves have a mask beside
        them, which is zero somewhere.
        """
        number, values = self._number(name), self.graph.values
        if number is None and name in values and values[name].elements == 1:
            return None if values[scaled].elements == 1 else 1.0
        return number

    def _number(self, name: str) -> float | None:
        """Return the one number that is in every element of a tensor, such as one of ones."""
        import numpy as np

        for _ in range(_DEEPEST):
            contents: object = self.graph.constants.get(name)
            node = self.graph.producers.get(name)
            if contents is None and node is not None and node.op == "ConstantOfShape":
                contents = node.attributes.get("value")
            if isinstance(contents, np.ndarray) and contents.size and contents.dtype.kind in "fiu":
                first = contents.reshape(-1)[0]
                return float(first) if bool((contents == first).all()) else None
            if node is None or node.op not in _MOVES or node.op == "Concat":
                return None
            name = node.inputs[0] if node.inputs else ""
        return None

    def _asks_for_infinity(self, condition: str) -> bool:
        """Whether a condition holds only for what is not finite, as where that is replaced."""
        pending = [condition]
        for _ in range(_DEEPEST):
            node = self.graph.producers.get(pending.pop(0)) if pending else None
            if node is not None and node.op in {"IsInf", "IsNaN"}:
                return True
            if node is not None and node.op == "And":
                pending += node.inputs
        return False
