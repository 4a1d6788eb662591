"""The last feature maps of a network, before an operator reads all positions at once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from msgspec import Struct

from archlint.analysis.receptive_field.field import Field
from archlint.analysis.receptive_field.node_looks import NodeLooks
from archlint.graph.graph import Graph
from archlint.graph.node import Node
from archlint.ops.links import Regroup

_INDEPENDENT = Field()


class LastMaps(Struct, frozen=True):
    """The last maps along one axis of an input, whose `fields` are those of the tensors."""

    graph: Graph
    looks: NodeLooks
    fields: Mapping[str, Field]

    def of(self, outputs: tuple[str, ...]) -> Iterator[str]:
        """Yield the last maps before outputs: each where a chain of pointwise operators starts."""
        for output in outputs:
            yield from map(self._start, self._before(output))

    def _before(self, output: str) -> Iterator[str]:
        """Yield the nearest maps before an output that reads everything."""
        fields = self.fields
        pending, seen = [output], {output}
        while pending:
            name = pending.pop()
            field = fields.get(name, _INDEPENDENT)
            node = self.graph.producers.get(name)
            if field.moves or field.whole is None or node is None:
                continue
            for before in node.inputs:
                if before in seen or before not in fields:
                    continue
                seen.add(before)
                pending.append(before)
                if fields[before].moves and not self._mixes(node, before):
                    yield before

    def _mixes(self, node: Node, before: str) -> bool:
        """Whether a node mixes all positions of a map and returns a map, as a softmax of scores."""
        values = self.graph.values
        looks = self.looks.of(node, self.graph)[0]
        if isinstance(looks, str) or values[before].shape != values[node.output].shape:
            return False
        slot = node.inputs.index(before)
        return not any(look.slot == slot and look.sums for look in looks)

    def _start(self, name: str) -> str:
        """Return the tensor that a chain of pointwise operators and reshapes started from."""
        fields = self.fields
        while name in self.graph.producers:
            node = self.graph.producers[name]
            data = [used for used in node.inputs if used in fields]
            if len(data) != 1 or data[0] in self.graph.inputs:
                return name
            if fields[data[0]] != fields[name] and not self._regroups(node):
                return name
            name = data[0]
        return name

    def _regroups(self, node: Node) -> bool:
        looks = self.looks.of(node, self.graph)[0]
        return not isinstance(looks, str) and any(
            isinstance(link, Regroup) for look in looks for link in look.links
        )
