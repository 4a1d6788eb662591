"""The tensors that an exporter computed beforehand, with the calls of the program that made them.

The optimizer of torch.export notes it in the metadata of the stored result: a positional embedding
that is sliced to the length of the input becomes a stored tensor `slice_1`, noted as made of
`['position.weight', 'slice_1']`. Other exporters note nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from msgspec import Struct
from msgspec.structs import replace

from archlint.graph.graph import Graph
from archlint.graph.program.call_record import base_name
from archlint.graph.program.calls import exported_calls, taken_tensors
from archlint.graph.program.origin import Origin, origins
from archlint.graph.program.signature import signature
from archlint.ops.restored.call_kinds import ADDING_PRODUCTS
from archlint.ops.restored.folded_calls import FoldedCalls

# The magnitude and the direction of weight norm, as PyTorch's two ways to apply it name them.
_MAGNITUDES = {"original0": "original1", "_g": "_v"}


class FoldedTensor(Struct, frozen=True):
    """A stored tensor with its number of elements, and the calls that made it of other ones."""

    name: str
    elements: int
    origin: Origin
    calls: FoldedCalls

    @property
    def weight_norm(self) -> tuple[str, str] | None:
        """The direction and the magnitude where the tensor is a weight-normalized weight."""
        names = self.origin.parameters
        if len(names) != 2 or not self.calls.normalizes:
            return None
        for magnitude in names:
            for ending, other in _MAGNITUDES.items():
                direction = magnitude.removesuffix(ending) + other
                if magnitude.endswith(ending) and direction in names:
                    return direction, magnitude
        return None


def folded_tensors(graph: Graph) -> tuple[FoldedTensor, ...]:
    """Return the folded tensors of a file that something reads."""
    named = signature(graph)
    return () if named is None else tuple(_described(graph, origins(graph, named), named.tensors))


def _described(
    graph: Graph, found: Mapping[str, Origin], named: Mapping[str, str]
) -> Iterator[FoldedTensor]:
    left_over = _left_over(graph) if found else {}
    for name, origin in found.items():
        elements, users = graph.values[name].elements, graph.consumers.get(name)
        if elements and users:
            taken = {named.get(each, "") for each in taken_tensors(users[0])}
            is_inside = bool(origin.parameters) and taken.issuperset(origin.parameters)
            whole = origin
            if is_inside and users[0].name in left_over:  # the product of a call, but not its sum
                whole = replace(origin, names=(*origin.names, left_over[users[0].name]))
                is_inside = False
            yield FoldedTensor(name, elements, whole, FoldedCalls(whole, is_inside))


def _left_over(graph: Graph) -> Mapping[str, str]:
    """Return the calls of which only the addition of the bias is in the file, by its node."""
    return {
        node.name: call.name
        for call in exported_calls(graph)
        if base_name(call.name) in ADDING_PRODUCTS and all(node.op == "Add" for node in call.nodes)
        for node in call.nodes
    }
