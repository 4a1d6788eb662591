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
from collections.abc import Iterator, Mapping
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
    is_triangle,
    is_wave,
)
from archlint.sources.tensor_numbers import ReadFirst

if TYPE_CHECKING:
    import numpy as np

WIDEST = 8192  # the length of the longest row that is read
LAYER = re.compile(r"(^|\.)weight(_v)?$")
"""The name of the weight of a layer, which is no table."""

# What adds or looks up a table; a weight is multiplied by, as a matrix or a kernel.
_READERS = frozenset(
    {"Add", "Sub", "Mul", "Div", "Where", "Slice", "Gather", "Unsqueeze"}
    | {"Expand", "Cast", "Reshape", "Identity"}
)
_ADDING = frozenset({"Add", "Sub"})
_MULTIPLYING = frozenset({"MatMul", "Transpose"})
_KERNELS = frozenset({"Conv", "ConvTranspose"})
# Of equal steps, since a parameter may begin with them as well.
_EVEN = re.compile(r"(^|[._])(grid|knots|bins|offset|centers|positions|steps)$")


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
        is_factor = not readers_of(name, graph) <= _READERS
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


def readers_of(name: str, graph: Graph) -> frozenset[str]:
    """Return the operators that read a tensor."""
    return frozenset(user.op for user in graph.consumers.get(name, ()))


def _has_equal_filters(name: str, graph: Graph, first: ReadFirst) -> bool:
    """Whether the first two filters of a convolution are the same, and no layer's weight."""
    sizes = graph.values[name].sizes or ()
    readers = readers_of(name, graph)
    if not readers or not readers <= _KERNELS or LAYER.search(name) or not sizes or sizes[0] < 2:
        return False
    elements = prod(sizes[1:])
    numbers = first(name, 2 * elements) if FEWEST <= elements <= WIDEST else None
    if numbers is None or (numbers == numbers[0]).all():
        return False
    return bool((numbers[:elements] == numbers[elements:]).all())


def _candidates(graph: Graph) -> Iterator[tuple[str, int, int]]:
    """Yield the stored tensors that may be tables, with the sizes of the last two axes."""
    for name, weight in graph.weights.items():
        readers = readers_of(name, graph)
        if not readers <= _READERS and (
            not readers <= _READERS | _MULTIPLYING or LAYER.search(name)
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
        if not is_float or not sizes or not value.elements or not FEWEST <= sizes[-1] <= WIDEST:
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
