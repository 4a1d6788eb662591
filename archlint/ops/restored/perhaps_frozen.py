"""Weights that a program may well freeze, which no exported file says.

Three signs speak for it: low-rank factors beside layers, as those of LoRA (Hu et al. 2021), where
all but the factors are frozen; a batch norm that is written out with stored statistics, as in the
pretrained backbone of a detector, where the layer in front of it is; and modules that are copies of
others (`copied_weights`). None is certain: with the weights frozen, memory has its lower bound.
What the target states about freezing takes precedence.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from functools import cached_property
from math import prod

from msgspec import Struct

from archlint.graph.graph import Graph
from archlint.graph.node import Node
from archlint.graph.program.calls import exported_calls
from archlint.graph.program.origin import origins
from archlint.graph.program.signature import signature

_LOW_RANK = 2  # a factor is smaller than what it stands beside by at least that
_HANDS_ON = frozenset(
    {"Mul", "Dropout", "Identity", "Same", "Reshape", "Contiguous", "Cast", "CastLike", "Scale"}
)
_PRODUCTS = frozenset({"Linear", "MatMul", "Gemm", "Conv"})
_STATISTIC = ".running_var"


class PerhapsFrozen(Struct, frozen=True, dict=True):
    """The parameters that may be frozen, judged by the form of the network.

    `graph` has the operators of the framework. `made_of` gives the stored tensors that a tensor was
    computed from, `origins` the one that it is another form of. `copies` are the parameters of
    modules that are copies of others, and `formulas` have the numbers of a formula. `normalized_by`
    are tensors that an optimizer computed from stored statistics.
    """

    graph: Graph
    trainable: AbstractSet[str]
    made_of: Mapping[str, tuple[str, ...]]
    origins: Mapping[str, str]
    copies: frozenset[str] = frozenset()
    formulas: frozenset[str] = frozenset()
    normalized_by: frozenset[str] = frozenset()

    @property
    def names(self) -> frozenset[str]:
        """The names of the stored tensors."""
        if self.factors:
            return frozenset(self.trainable - self.factors)
        return frozenset(self.trainable & (self.normalized | self.copies | self.formulas))

    @property
    def reason(self) -> str:
        """Why they may be frozen, in words."""
        if self.factors:
            return "low-rank factors stand beside layers, as adapters of frozen weights do"
        if self.copies:
            return "a module has the numbers of another one, as one that only follows it does"
        if self.formulas:
            return f"{min(self.formulas)} has numbers or a use as buffers have"
        return "batch norms are written out with stored statistics, as in a frozen backbone"

    @cached_property
    def factors(self) -> frozenset[str]:
        """The low-rank factors beside layers that read the same tensor.

        A layer of an architecture file says itself whether it is frozen.
        """
        found: set[str] = set()
        for node in self.graph.nodes:
            if node.op == "Add" and len(node.inputs) > 1 and node.document_path is None:
                one, other = (self._path(name) for name in node.inputs[:2])
                for layer, factors in ((one, other), (other, one)):
                    if self._is_adapted(layer[:1], factors[:2]):
                        found.update(root for _, root, _ in factors[:2])
        return frozenset(found)

    @cached_property
    def normalized(self) -> frozenset[str]:
        """The parameters of layers in front of batch norms that are written out with statistics."""
        made_of, found = self.made_of, set[str]()
        for node in self.graph.nodes:
            scales = (made_of.get(name, ()) for name in node.inputs)
            is_norm = any(root.endswith(_STATISTIC) for roots in scales for root in roots)
            is_norm = is_norm or not self.normalized_by.isdisjoint(node.inputs)
            if node.op != "Mul" or not is_norm or node.output in made_of:
                continue
            for name in node.inputs:
                maker = self.graph.producers.get(name)
                if maker is not None and name not in made_of and maker.op in _PRODUCTS:
                    read = (made_of.get(each, ()) for each in maker.inputs)
                    found.update(root for roots in read for root in roots)
        return frozenset(found)

    def _is_adapted(
        self, layer: list[tuple[Node, str, str]], factors: list[tuple[Node, str, str]]
    ) -> bool:
        """Whether two products are low-rank factors beside a layer that reads the same tensor."""
        if not layer or len(factors) != len(("up", "down")):
            return False
        (_, whole, given), (_, up, _), (_, down, source) = *layer, *factors
        sizes = [self.graph.values[name].sizes or () for name in (whole, up, down)]
        if not all(sizes) or given != source or len({whole, up, down}) < len(sizes):
            return False
        return prod(sizes[0]) >= _LOW_RANK * (prod(sizes[1]) + prod(sizes[2]))

    def _path(self, name: str) -> list[tuple[Node, str, str]]:
        """Return the last two products with stored matrices that lead to a tensor, last first.

        Each is a node with its matrix and its other factor.
        """
        return [found for found, _ in zip(self._products(name), range(2), strict=False)]

    def _products(self, name: str) -> Iterator[tuple[Node, str, str]]:
        same = self.origins
        while (maker := self.graph.producers.get(name)) is not None:
            data = [each for each in maker.inputs if each and not self._is_stored(each)]
            stored = [same[each] for each in maker.inputs if each in same]
            if maker.op in _PRODUCTS and len(data) == 1 and stored:
                name = self._handed_on(data[0])
                yield maker, stored[0], name
            elif maker.op in _HANDS_ON and len(data) == 1:
                name = data[0]
            else:
                return

    def _handed_on(self, name: str) -> str:
        """Return the tensor that one comes from by reshapes, casts, dropout and scaling alone."""
        maker = self.graph.producers.get(name)
        while maker is not None and maker.op in _HANDS_ON:
            data = [each for each in maker.inputs if each and not self._is_stored(each)]
            if len(data) != 1:
                break
            name = data[0]
            maker = self.graph.producers.get(name)
        return name

    def _is_stored(self, name: str) -> bool:
        return name in self.graph.constants or name in self.made_of


def folded_statistics(graph: Graph) -> frozenset[str]:
    """Return the tensors of the program that torch.export's optimizer computed from statistics.

    Those of equal norms are in the file once, while each call names its own.
    """
    named = signature(graph)
    if named is None:
        return frozenset()
    found = {
        name
        for name, origin in origins(graph, named).items()
        if any(source.endswith(_STATISTIC) for source in (*origin.parameters, *origin.others))
    }
    for call in exported_calls(graph):
        if any(not found.isdisjoint(node.inputs) for node in call.nodes):
            found.update(name for name in call.takes if name not in graph.values)
    return frozenset(found)
