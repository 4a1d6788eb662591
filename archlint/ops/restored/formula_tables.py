"""Stored tables that a formula makes: sines, triangular masks, grids.

Programs keep them in buffers, which are not trained. The TorchScript exporter stores buffers as it
stores parameters, so that only the numbers tell, of which the first two rows are read: sines and
cosines of the positions 0 and 1, a triangle, doubling frequencies, even steps; and filters that are
all the same, as those of a blur. Of what something multiplies by as a matrix, only waves count, as
of a Fourier transform. Left alone are tensors whose kind torch.export records. A table whose rows
are looked up is an embedding, which is frozen rather than a buffer; no exporter says what is
frozen.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from math import prod
from typing import TYPE_CHECKING

from msgspec.structs import replace

from archlint.frontends.properties import BUFFER, FROZEN, INITIALIZER
from archlint.graph.generated_names import is_folded_name, is_generated_name
from archlint.graph.graph import Graph
from archlint.graph.program.signature import signature
from archlint.graph.value import Role
from archlint.ops.restored.formula_numbers import (
    FEWEST,
    begins_a_wave,
    is_doubling,
    is_even,
    is_sines,
    is_smooth,
    is_triangle,
    is_wave,
)
from archlint.sources.tensor_numbers import ReadFirst

if TYPE_CHECKING:
    import numpy as np

_WIDEST = 8192
# What adds or looks up a table; a weight is multiplied by, as a matrix or a kernel.
_READERS = frozenset(
    {"Add", "Sub", "Mul", "Div", "Where", "Slice", "Gather", "Unsqueeze"}
    | {"Expand", "Cast", "Reshape", "Identity"}
)
_ADDING = frozenset({"Add", "Sub"})
_MULTIPLYING = frozenset({"MatMul", "Transpose"})
_KERNELS = frozenset({"Conv", "ConvTranspose"})
_LAYER = re.compile(r"(^|\.)weight(_v)?$")
# Of equal steps, since a parameter may begin with them as well.
_EVEN = re.compile(r"(^|[._])(grid|knots|bins|offset|centers|positions|steps)$")
_WEIGHTED = frozenset(
    {"MatMul", "Gemm", "Conv", "ConvTranspose", "Einsum", "Transpose", "PRelu", "LSTM", "GRU"}
    | {"RNN", "BatchNormalization", "LayerNormalization", "InstanceNormalization"}
    | {"GroupNormalization", "Add", "Sub", "Gather"}
)
_LONGEST = 64


def formula_tables(graph: Graph, first: ReadFirst) -> Mapping[str, Mapping[str, str]]:
    """Return the tables that a formula makes, with the metadata that marks them.

    They are marked as buffers, or as frozen where rows are looked up. `first` reads the first
    numbers of a stored tensor.
    """
    if not graph.is_from_pytorch:
        return {}
    program = signature(graph)
    tables = {}
    for name, rows, columns in _candidates(graph):
        is_embedding = _is_looked_up(name, graph)
        if program and not (is_embedding and program.kinds.get(name) == "PARAMETER"):
            continue
        is_factor = not _readers(name, graph) <= _READERS
        if is_factor and not begins_a_wave(first(name, 2)):
            continue  # as nearly all do, without reading more
        numbers = first(name, min(rows, 2) * columns)
        if numbers is None:
            continue
        if _is_made(name, numbers.reshape(-1, columns), rows == columns, is_factor=is_factor):
            tables[name] = {FROZEN if is_embedding else BUFFER: "true"}
    if program is None:
        filters = (name for name in graph.weights if _has_equal_filters(name, graph, first))
        tables |= {name: {BUFFER: "true"} for name in filters}
    return tables


def formula_like(graph: Graph, names: Iterable[str], first: ReadFirst) -> frozenset[str]:
    """Return those of some tensors that may as well be buffers, by their numbers or their use.

    They begin with numbers of a formula, as the decays and frequencies of a parameter may too, or
    they are drawn frequencies: sines and cosines of the products with them are taken (Tancik et al.
    2020). `names` are tensors of the older exporter that nothing else tells apart.
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
    if not FEWEST <= elements <= _WIDEST or not _readers(name, graph).isdisjoint(_WEIGHTED):
        return False
    numbers = first(name, min(elements, _LONGEST))
    if numbers is None or (numbers == numbers[0]).all() or not (abs(numbers) > 1).any():
        return False
    return bool((numbers % 1 == 0).all())


def _are_frequencies(name: str, graph: Graph) -> bool:
    """Whether sines and cosines are taken of the products with a matrix that is no layer's."""
    if _LAYER.search(name) or _readers(name, graph) != {"MatMul"}:
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
    readers = _readers(name, graph)
    value = graph.values[name]
    sizes = value.sizes or (0,)
    is_row = bool(readers) and readers.isdisjoint(_WEIGHTED) and value.elements == sizes[-1]
    return sizes[-1] if is_row else 0


def _is_looked_up(name: str, graph: Graph) -> bool:
    users = graph.consumers.get(name, ())
    return any(user.op == "Gather" and user.inputs[0] == name for user in users)


def with_tables(graph: Graph, tables: Mapping[str, Mapping[str, str]]) -> Graph:
    """Return `graph` with the marks of `formula_tables` on its stored tensors."""
    if not tables:
        return graph
    weights = {
        name: replace(weight, metadata={**weight.metadata, **tables.get(name, {})})
        for name, weight in graph.weights.items()
    }
    return replace(graph, weights=weights)


def _readers(name: str, graph: Graph) -> frozenset[str]:
    return frozenset(user.op for user in graph.consumers.get(name, ()))


def _has_equal_filters(name: str, graph: Graph, first: ReadFirst) -> bool:
    """Whether the first two filters of a convolution are the same, and no layer's weight."""
    sizes = graph.values[name].sizes or ()
    readers = _readers(name, graph)
    if not readers or not readers <= _KERNELS or _LAYER.search(name) or not sizes or sizes[0] < 2:
        return False
    elements = prod(sizes[1:])
    numbers = first(name, 2 * elements) if FEWEST <= elements <= _WIDEST else None
    if numbers is None or (numbers == numbers[0]).all():
        return False
    return bool((numbers[:elements] == numbers[elements:]).all())


def _candidates(graph: Graph) -> Iterator[tuple[str, int, int]]:
    """Yield the stored tensors that may be tables, with the sizes of the last two axes."""
    for name, weight in graph.weights.items():
        readers = _readers(name, graph)
        if not readers <= _READERS and (
            not readers <= _READERS | _MULTIPLYING or _LAYER.search(name)
        ):
            continue  # as most are read by a product or a normalization
        value = graph.values.get(name)
        if value is None or value.role is not Role.STORED:
            continue
        is_turned = is_folded_name(name) and not readers <= _READERS  # as an exporter stores it
        if is_generated_name(name) and not is_turned:
            continue
        if BUFFER in weight.metadata or INITIALIZER in weight.metadata:
            continue
        sizes = value.sizes or ()
        is_float = value.dtype is not None and value.dtype.is_float
        if not is_float or not sizes or not value.elements or not FEWEST <= sizes[-1] <= _WIDEST:
            continue
        rows = sizes[-2] if len(sizes) > 1 and sizes[-2] > 1 else value.elements // sizes[-1]
        is_row = len(sizes) == 1 and readers.isdisjoint(_ADDING)  # what is added is a bias
        if rows > 1 or is_row or _EVEN.search(name) is not None:
            yield name, rows, sizes[-1]


def _is_made(name: str, rows: np.ndarray, is_square: bool, *, is_factor: bool) -> bool:
    if len(rows) > 1 and is_wave(*rows):
        return True
    if is_factor:
        return False
    if len(rows) > 1 and (is_sines(rows) or (is_square and is_triangle(rows))):
        return True
    return is_doubling(rows[0]) or (_EVEN.search(name) is not None and is_even(rows[0]))
