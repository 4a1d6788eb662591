"""One walk through a graph: the fields of all tensors along one axis of one input."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import field
from typing import TypeAlias

from archlint.analysis.branch import Branch
from archlint.analysis.field import Field, unknown_field
from archlint.analysis.following import through, union
from archlint.analysis.sights import Sights
from archlint.graph.graph import Graph
from archlint.graph.node import Node
from archlint.ops.links import Fixed, Links, Piece, Sight, Whole
from archlint.record import record, replace

Used: TypeAlias = dict[int, tuple[Field, Links]]
"""The inputs of a node with a field, by slot, and the links through which they are looked at."""


@record
class Path:
    """What one input of an operator contributes to the field of its output."""

    slot: int
    tensor: str
    field: Field


@record(frozen=False)
class Walk:
    """The fields of all tensors that depend on one axis of an input, as they are worked out.

    `paths` holds, for each node that merges several data paths, what each of them contributes.
    `summed_at` is the node where a product with a weight first sums over all of the axis while
    nothing else has widened the field: a sign that the axis holds features. `is_features` is true
    where nothing else has even touched the axis before.
    """

    sights: Sights
    fields: dict[str, Field]
    data: frozenset[str]
    paths: dict[str, tuple[Path, ...]] = field(default_factory=dict)
    summed_at: str | None = None
    is_features: bool = False

    def follow(self, graph: Graph, nodes: Iterable[Node] | None = None) -> None:
        """Work out the fields of all tensors of `graph`, in order.

        `nodes` are those that depend on the input, where that is known.
        """
        nested, known = graph.inner, self.fields.keys()
        for node in graph.nodes if nodes is None else nodes:
            if node.name in nested:
                self._follow_subgraphs(node, graph, nested[node.name])
            elif not known.isdisjoint(node.inputs):
                self._follow_node(node, graph)
            if self.is_features:
                return

    @property
    def mixes(self) -> bool:
        """Whether anything reads more than one place of the axis."""
        return any(
            not each.is_local or each.size != (1, 1)
            for each in self.fields.values()
            if each.kind not in {"unknown", "independent"}
        )

    def _follow_node(self, node: Node, graph: Graph) -> None:
        fields, inputs = self.fields, node.inputs
        for name, sight in zip(node.outputs, self.sights.of(node, graph), strict=True):
            if not name:
                continue
            if isinstance(sight, str):
                fields[name] = unknown_field(sight)
                continue
            used: Used = {
                slot: (before, links)
                for slot, links in sight.items()
                if (before := fields.get(inputs[slot])) is not None
            }
            if self._sums_features(node, sight, used):
                self.is_features = True
                return
            if used:
                fields[name] = self._seen(node, sight, used, name, graph)

    def _seen(self, node: Node, sight: Sight, used: Used, output: str, graph: Graph) -> Field:
        after = graph.values[output].shape or ()
        found = [through(field, links, after, node.name) for field, links in used.values()]
        if len(found) == 1:
            seen = found[0]
        else:
            pieces = [
                link for _, links in used.values() for link in links if isinstance(link, Piece)
            ]
            if not _in_a_row(found, pieces):
                self.paths[output] = tuple(
                    Path(slot, node.inputs[slot], each)
                    for slot, each in zip(used, found, strict=True)
                )
            if len(pieces) in {0, len(found)}:
                seen = union(found, pieces)
            else:  # where the later pieces begin is not known: any place may be of any of them
                seen = replace(union(found), bounded=True)
        if self.summed_at is None and seen.whole == node.name:
            self._note_sum(node, sight)
        return seen

    def _note_sum(self, node: Node, sight: Sight) -> None:
        """Note a product with a weight that sums over places that were still apart."""
        for slot, links in sight.items():
            before = self.fields.get(node.inputs[slot])
            if before is None or not any(_is_features(link) for link in links):
                continue
            apart = before.kind == "local" and before.size == (1, 1)
            if apart and self._by_weight(node, sight, slot):
                self.summed_at = node.name

    def _sums_features(self, node: Node, sight: Sight, used: Used) -> bool:
        """Whether a product with a weight sums over the axis before anything else touched it."""
        for slot, (before, links) in used.items():
            if before.whole is not None or len(before.branches) != 1:
                continue
            for link in links:
                if isinstance(link, Whole) and _sums(link, before.branches[0]):
                    return self._by_weight(node, sight, slot)
        return False

    def _by_weight(self, node: Node, sight: Sight, slot: int) -> bool:
        """Whether what the input in `slot` is multiplied with is no data."""
        return all(other == slot or node.inputs[other] not in self.data for other in sight)

    def _follow_subgraphs(self, node: Node, graph: Graph, subgraphs: tuple[Graph, ...]) -> None:
        used = {name for name in node.inputs if name} | {
            name for subgraph in subgraphs for name in subgraph.captures
        }
        if not any(name in self.fields for name in used):
            return
        if node.op != "If":
            for name in filter(None, node.outputs):
                self.fields[name] = unknown_field(f"{node.op} at {node.name} is not followed")
            return
        for subgraph in subgraphs:
            self.follow(subgraph)
        for slot, name in enumerate(node.outputs):
            ends = [self.fields.get(subgraph.outputs[slot]) for subgraph in subgraphs]
            ends.append(self._condition(node, graph, name))
            known = [end for end in ends if end is not None]
            if name and known:
                self.fields[name] = union(known)

    def _condition(self, node: Node, graph: Graph, output: str) -> Field | None:
        """Return the field of the condition of an If, which all of its outputs depend on."""
        condition = self.fields.get(node.inputs[0])
        if condition is None:
            return None
        links = tuple(Fixed(axis) for axis in range(len(condition.shape)))
        return through(condition, links, graph.values[output].shape or (), node.name)


def downstream(graph: Graph, name: str) -> tuple[Node, ...]:
    """Return the nodes that depend on a tensor, also on its shape alone."""
    reached, nodes, nested = {name}, [], graph.inner
    for node in graph.nodes:
        used = graph.operands(node) if node.name in nested else node.inputs
        if not reached.isdisjoint(used):
            reached.update(filter(None, node.outputs))
            nodes.append(node)
    return tuple(nodes)


def data_tensors(graph: Graph, sights: Sights) -> frozenset[str]:
    """Return the tensors that depend on the contents of any input of the model."""
    data = set(graph.inputs)
    for node in graph.nodes:
        nested = graph.inner.get(node.name, ())
        if any(not data.isdisjoint(inner.captures) for inner in nested):
            data.update(node.outputs)
            continue
        if data.isdisjoint(node.inputs):
            continue
        for name, sight in zip(node.outputs, sights.of(node, graph), strict=True):
            slots = range(len(node.inputs)) if isinstance(sight, str) else sight
            if not data.isdisjoint([node.inputs[slot] for slot in slots]):
                data.add(name)
    return frozenset(data)


def _in_a_row(fields: Sequence[Field], pieces: Sequence[Piece]) -> bool:
    """Whether maps are put one after the other along the axis that carries them: none meet."""
    axes = {piece.axis for piece in pieces}
    return bool(axes) and any(each.is_local and each.axis in axes for each in fields)


def _is_features(link: object) -> bool:
    return isinstance(link, Whole) and link.features


def _sums(link: Whole, branch: Branch) -> bool:
    """Whether a product sums over an axis that nothing has touched before."""
    if not (link.features and len(branch.terms) == 1):
        return False
    axis, term = branch.terms[0]
    return axis == link.source and term.is_identity
