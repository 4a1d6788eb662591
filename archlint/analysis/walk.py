"""One walk through a graph: the fields of all tensors along one axis of one input."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from archlint.analysis.branch import Branch
from archlint.analysis.field import Field, unknown_field
from archlint.analysis.following import through, union
from archlint.analysis.sights import Sights
from archlint.graph.graph import Graph
from archlint.graph.node import Node
from archlint.ops.links import Fixed, Links, Piece, Sight, Whole, same_axes
from archlint.record import record


@record
class Path:
    """What one input of an operator contributes to the field of its output."""

    slot: int
    tensor: str
    field: Field


@dataclass(slots=True)
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

    def follow(self, graph: Graph) -> None:
        """Work out the fields of all tensors of `graph`, in order."""
        for node in graph.nodes:
            subgraphs = [value for value in node.attributes.values() if isinstance(value, Graph)]
            if subgraphs:
                self._follow_subgraphs(node, graph, subgraphs)
            elif any(name in self.fields for name in node.inputs):
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
        for slot, name in enumerate(node.outputs):
            if not name:
                continue
            sight = self.sights.of(node, graph)[slot]
            if isinstance(sight, str):
                self.fields[name] = unknown_field(sight)
                continue
            if self._sums_features(node, sight):
                self.is_features = True
                return
            seen = self._seen(node, sight, name, graph)
            if seen is not None:
                self.fields[name] = seen

    def _seen(self, node: Node, sight: Sight, output: str, graph: Graph) -> Field | None:
        after = graph.values[output].shape or ()
        found = {
            slot: through(self.fields[name], links, after, node.name)
            for slot, links in sight.items()
            if (name := node.inputs[slot]) in self.fields
        }
        if not found:
            return None
        if len(found) == 1:
            (seen,) = found.values()
        else:
            pieces = [piece for slot in found for piece in _pieces(sight[slot])]
            fields = list(found.values())
            if not _in_a_row(fields, pieces):
                self.paths[output] = tuple(
                    Path(slot, node.inputs[slot], each) for slot, each in found.items()
                )
            if len(pieces) in {0, len(fields)}:
                seen = union(fields, pieces)
            else:  # where the later pieces begin is not known: any place may be of any of them
                seen = replace(union(fields), bounded=True)
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

    def _sums_features(self, node: Node, sight: Sight) -> bool:
        """Whether a product with a weight sums over the axis before anything else touched it."""
        for slot, links in sight.items():
            if links == same_axes(len(links)):
                continue
            before = self.fields.get(node.inputs[slot])
            if before is None or len(before.branches) != 1 or before.whole is not None:
                continue
            (branch,) = before.branches
            if any(_sums(link, branch) for link in links):
                return self._by_weight(node, sight, slot)
        return False

    def _by_weight(self, node: Node, sight: Sight, slot: int) -> bool:
        """Whether what the input in `slot` is multiplied with is no data."""
        return all(other == slot or node.inputs[other] not in self.data for other in sight)

    def _follow_subgraphs(self, node: Node, graph: Graph, subgraphs: list[Graph]) -> None:
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


def data_tensors(graph: Graph, sights: Sights) -> frozenset[str]:
    """Return the tensors that depend on the contents of any input of the model."""
    data = set(graph.inputs)
    for node in graph.nodes:
        captured = {
            name
            for value in node.attributes.values()
            if isinstance(value, Graph)
            for name in value.captures
        }
        if captured & data:
            data.update(node.outputs)
            continue
        for name, sight in zip(node.outputs, sights.of(node, graph), strict=True):
            slots = range(len(node.inputs)) if isinstance(sight, str) else sight
            if any(node.inputs[slot] in data for slot in slots):
                data.add(name)
    return frozenset(data)


def _pieces(links: Links) -> Iterator[Piece]:
    return (link for link in links if isinstance(link, Piece))


def _in_a_row(fields: Sequence[Field], pieces: Sequence[Piece]) -> bool:
    """Whether maps are put one after the other along the axis that carries them: none meet."""
    axes = {piece.axis for piece in pieces}
    return bool(axes) and any(each.is_local and each.axis in axes for each in fields)


def _is_features(link: object) -> bool:
    return isinstance(link, Whole) and link.features


def _sums(link: object, branch: Branch) -> bool:
    """Whether a product sums over an axis that nothing has touched before."""
    if not (isinstance(link, Whole) and link.features and len(branch.terms) == 1):
        return False
    axis, term = branch.terms[0]
    return axis == link.source and term.is_identity
