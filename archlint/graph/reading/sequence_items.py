"""Replaces sequences of known contents by the tensors in them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, MutableMapping
from typing import TYPE_CHECKING

from msgspec import Struct, field
from msgspec.structs import replace

from archlint.graph.graph import Graph
from archlint.graph.node import Attribute, Node
from archlint.graph.value import Provenance, Role, Value

if TYPE_CHECKING:
    import numpy as np

    from archlint.graph.reading.scope import Scope

_MOST_ITEMS = 1024


def write_out_sequences(
    nodes: Iterable[Node], outputs: Iterable[str], scope: Scope
) -> tuple[Node, ...]:
    """Return the nodes with sequences replaced by tensors: a Split for a split, and its outputs.

    Exporters put the parts of a split into a sequence and take them out again. A node that creates
    a sequence stays only where something uses the sequence as a whole.
    """
    unpacking = _Unpacking(scope.values, scope.constants, scope.sequences)
    replaced = [new for node in nodes for new in unpacking.replaced(node)]
    if not unpacking.items:
        return tuple(replaced)
    used = set(outputs)
    kept: list[Node] = []
    for node in reversed(replaced):
        if node.output in unpacking.items and used.isdisjoint(node.outputs):
            continue
        used.update(node.inputs)
        used.update(_captured(node))
        kept.append(node)
    return tuple(reversed(kept))


def _captured(node: Node) -> Iterator[str]:
    """Yield the tensors that nested graphs of a node capture, at any depth."""
    for attribute in node.attributes.values():
        if isinstance(attribute, Graph):
            yield from attribute.captures
            for inner in attribute.nodes:
                yield from _captured(inner)


class _Unpacking(Struct):
    """The items of the sequences of a graph, by name."""

    values: MutableMapping[str, Value]
    constants: Mapping[str, np.ndarray]
    parts: Mapping[str, tuple[Value, ...]]
    items: dict[str, tuple[str, ...]] = field(default_factory=dict)
    _splits: dict[tuple[object, ...], tuple[str, ...]] = field(default_factory=dict)

    def replaced(self, node: Node) -> tuple[Node, ...]:
        """Return the nodes that replace a node; the node itself where items are not known."""
        if node.domain:
            return (node,)
        try:
            return self._replaced(node)
        except (ArithmeticError, LookupError):  # inputs are missing, or an axis is none
            return (node,)

    def _replaced(self, node: Node) -> tuple[Node, ...]:
        if node.op in _TAKERS:
            items = self.items.get(node.inputs[0])
            return (node,) if items is None else _TAKERS[node.op](self, node, items)
        if node.op == "SplitToSequence" and node.output in self.parts:
            return (*self._split(node), node)
        if node.op in _MAKERS:
            items = _MAKERS[node.op](self, node)
            if items is not None and len(items) <= _MOST_ITEMS:
                self.items[node.output] = items
        return (node,)

    def _split(self, node: Node) -> tuple[Node, ...]:
        """Return the Split that produces the items, and the Squeezes that remove its axis."""
        data, parts = self.values[node.inputs[0]], self.parts[node.output]
        axis, rank = node.attributes.get("axis", 0), len(data.shape or ())
        names = tuple(f"{node.output}/{place}" for place in range(len(parts)))
        if not isinstance(axis, int) or any(name in self.values for name in names) or not parts:
            return ()
        # torch.export repeats the split for each part, where the parts are written into later.
        key = (data.name, axis, *(part.shape for part in parts))
        self.items[node.output] = self._splits.setdefault(key, names)
        if self.items[node.output] is not names:
            return ()
        self._add(names, parts)
        if len(parts[0].shape or ()) == rank:
            return (_made(node, "Split", node.inputs[:1], names, axis=axis),)
        wide = tuple(f"{name}/kept" for name in names)
        shape = data.shape or ()
        whole = replace(data, shape=(*shape[: axis % rank], 1, *shape[axis % rank + 1 :]))
        self._add(wide, (whole,) * len(wide))
        squeezes = (
            _made(node, "Squeeze", (before,), (name,), axes=(axis,))
            for before, name in zip(wide, names, strict=True)
        )
        return (_made(node, "Split", node.inputs[:1], wide, axis=axis), *squeezes)

    def _add(self, names: Iterable[str], parts: Iterable[Value]) -> None:
        for name, part in zip(names, parts, strict=True):
            self.values[name] = Value(
                name, part.dtype, part.shape, Role.COMPUTED, Provenance.INFERRED
            )

    def construct(self, node: Node) -> tuple[str, ...] | None:
        """The items are the inputs."""
        return node.inputs

    def same(self, node: Node) -> tuple[str, ...] | None:
        """The items are those of the input sequence."""
        return self.items.get(node.inputs[0])

    def empty(self, _: Node) -> tuple[str, ...] | None:
        """There are no items."""
        return ()

    def insert(self, node: Node) -> tuple[str, ...] | None:
        """One item is inserted, at the end or at a known position."""
        items = self.items.get(node.inputs[0])
        if items is None:
            return None
        place = self._number(node, 2) if len(node.inputs) > 2 else len(items)
        if place is None or not -len(items) <= place <= len(items):
            return None
        return (*items[:place], node.inputs[1], *items[place:])

    def erase(self, node: Node) -> tuple[str, ...] | None:
        """One item is removed, the last one or that at a known position."""
        items = self.items.get(node.inputs[0])
        place = self._number(node, 1) if len(node.inputs) > 1 else -1
        if not items or place is None or not -len(items) <= place < len(items):
            return None
        place %= len(items)
        return (*items[:place], *items[place + 1 :])

    def at(self, node: Node, items: tuple[str, ...]) -> tuple[Node, ...]:
        """The item itself."""
        place = self._number(node, 1)
        if place is None or not -len(items) <= place < len(items):
            return (node,)
        return (_made(node, "Identity", (items[place],), node.outputs),)

    def length(self, node: Node, _: tuple[str, ...]) -> tuple[Node, ...]:
        """The length, which is a folded constant."""
        return (_made(node, "Constant", (), node.outputs),)

    def join(self, node: Node, items: tuple[str, ...]) -> tuple[Node, ...]:
        """The items are concatenated, each with a new axis where they are stacked."""
        axis = node.attributes.get("axis", 0)
        if not isinstance(axis, int) or not items:
            return (node,)
        if not node.attributes.get("new_axis", 0):
            return (_made(node, "Concat", items, node.outputs, axis=axis),)
        shape = self.values[node.output].shape
        rank = None if shape is None else len(shape)
        wide = tuple(f"{node.output}/{place}" for place in range(len(items)))
        if rank is None or any(name in self.values for name in wide):
            return (node,)
        axis %= rank
        for name, item in zip(wide, items, strict=True):
            own = self.values[item].shape or ()
            self._add((name,), (replace(self.values[item], shape=(*own[:axis], 1, *own[axis:])),))
        steps = (
            _made(node, "Unsqueeze", (item,), (name,), axes=(axis,))
            for item, name in zip(items, wide, strict=True)
        )
        return (*steps, _made(node, "Concat", wide, node.outputs, axis=axis))

    def _number(self, node: Node, slot: int) -> int | None:
        name = node.inputs[slot] if slot < len(node.inputs) else ""
        known = self.constants.get(name)
        return int(known.reshape(-1)[0]) if known is not None and known.size == 1 else None


def _made(
    node: Node,
    op: str,
    inputs: tuple[str, ...],
    outputs: tuple[str, ...],
    **attributes: Attribute,
) -> Node:
    """Return a node that replaces `node`, or a part of it."""
    name = node.name if outputs == node.outputs else f"{node.name}/{op}/{outputs[0]}"
    return Node(name, op, "", inputs, outputs, attributes, node.metadata)


_MAKERS: Mapping[str, Callable[[_Unpacking, Node], tuple[str, ...] | None]] = {
    "Identity": _Unpacking.same,
    "SequenceConstruct": _Unpacking.construct,
    "SequenceEmpty": _Unpacking.empty,
    "SequenceErase": _Unpacking.erase,
    "SequenceInsert": _Unpacking.insert,
}
_TAKERS: Mapping[str, Callable[[_Unpacking, Node, tuple[str, ...]], tuple[Node, ...]]] = {
    "ConcatFromSequence": _Unpacking.join,
    "SequenceAt": _Unpacking.at,
    "SequenceLength": _Unpacking.length,
}
