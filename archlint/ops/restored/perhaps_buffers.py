"""Tensors of the TorchScript exporter that may be buffers, by their numbers or their use.

Programs keep what a formula makes in buffers, or train it from there, as the decays of a state
space. Where the numbers do not decide it (`formula_tables`), both are possible. So it is with drawn
frequencies, of whose products sines and cosines are taken (Tancik et al. 2020).
"""

from __future__ import annotations

from collections.abc import Iterable

from archlint.graph.graph import Graph
from archlint.ops.restored.formula_numbers import FEWEST, is_smooth
from archlint.ops.restored.formula_tables import LAYER, WIDEST, readers_of
from archlint.sources.tensor_numbers import ReadFirst

# What takes the weights of layers: no formula makes these.
_WEIGHTED = frozenset(
    {"MatMul", "Gemm", "Conv", "ConvTranspose", "Einsum", "Transpose", "PRelu", "LSTM", "GRU"}
    | {"RNN", "BatchNormalization", "LayerNormalization", "InstanceNormalization"}
    | {"GroupNormalization", "Add", "Sub", "Gather"}
)
_LONGEST = 64  # numbers that are read of a row


def perhaps_buffers(graph: Graph, names: Iterable[str], first: ReadFirst) -> frozenset[str]:
    """Return those of some tensors that may as well be buffers.

    `names` are stored tensors that nothing else tells apart, and `first` reads their first numbers.
    """
    found = []
    for name in names:
        length = _row_length(name, graph)
        row = first(name, min(length, _LONGEST)) if length >= FEWEST else None
        smooth = row is not None and is_smooth(row)
        if smooth or _counts(name, graph, first) or _are_frequencies(name, graph):
            found.append(name)
    return frozenset(found)


def _counts(name: str, graph: Graph, first: ReadFirst) -> bool:
    """Whether a tensor, no layer's weight, has whole numbers beyond ones, not all the same."""
    elements = graph.values[name].elements or 0
    if not FEWEST <= elements <= WIDEST or not readers_of(name, graph).isdisjoint(_WEIGHTED):
        return False
    numbers = first(name, min(elements, _LONGEST))
    if numbers is None or (numbers == numbers[0]).all() or not (abs(numbers) > 1).any():
        return False
    return bool((numbers % 1 == 0).all())


def _are_frequencies(name: str, graph: Graph) -> bool:
    """Whether sines and cosines are taken of the products with a matrix that is no layer's."""
    if LAYER.search(name) or readers_of(name, graph) != {"MatMul"}:
        return False
    waves, seen = set[str](), set[str]()
    products = [user.output for user in graph.consumers[name]]
    while products:
        product = products.pop()
        users = () if product in seen else graph.consumers.get(product, ())
        seen.add(product)
        waves |= {user.op for user in users}
        products += [user.output for user in users if user.op == "Mul"]
    return waves - {"Mul"} == {"Sin", "Cos"}


def _row_length(name: str, graph: Graph) -> int:
    """Return the length of a row of numbers, 0 for what is no row, or has a weight's use."""
    readers = readers_of(name, graph)
    value = graph.values[name]
    sizes = value.sizes or (0,)
    is_row = bool(readers) and readers.isdisjoint(_WEIGHTED) and value.elements == sizes[-1]
    return sizes[-1] if is_row else 0
