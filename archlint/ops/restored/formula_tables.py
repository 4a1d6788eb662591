"""Stored tables that a formula makes: sines, triangular masks, grids.

Programs keep them in buffers, which are not trained. The TorchScript exporter stores buffers as it
stores parameters, so that only the numbers tell, of which the first two rows are read: sines and
cosines of the positions 0 and 1, a triangle, doubling frequencies, even steps. Left alone are
tensors that something multiplies by as a matrix or a kernel, and those whose kind torch.export
records. A table whose rows are looked up is an embedding, which is frozen rather than a buffer; no
exporter says what is frozen.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

from msgspec.structs import replace

from archlint.frontends.properties import BUFFER, FROZEN, INITIALIZER
from archlint.graph.generated_names import is_generated_name
from archlint.graph.graph import Graph
from archlint.graph.program.signature import signature
from archlint.graph.value import Role
from archlint.ops.restored.formula_numbers import (
    is_doubling,
    is_even,
    is_sines,
    is_smooth,
    is_triangle,
)
from archlint.sources.tensor_numbers import ReadFirst

if TYPE_CHECKING:
    import numpy as np

_WIDEST = 8192
_FEWEST = 4
# What adds or looks up a table; a weight is multiplied by, as a matrix or a kernel.
_READERS = frozenset(
    {"Add", "Sub", "Mul", "Div", "Where", "Slice", "Gather", "Unsqueeze"}
    | {"Expand", "Cast", "Reshape", "Identity"}
)
_ADDING = frozenset({"Add", "Sub"})
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
        numbers = first(name, min(rows, 2) * columns)
        if numbers is not None and _is_made(name, numbers.reshape(-1, columns), rows == columns):
            tables[name] = {FROZEN if is_embedding else BUFFER: "true"}
    return tables


def formula_like(graph: Graph, names: Iterable[str], first: ReadFirst) -> frozenset[str]:
    """Return those of some tensors that begin with numbers of a formula, as buffers often do.

    A parameter may begin with them as well: decays and frequencies do. `names` are tensors of the
    older exporter that nothing else tells apart.
    """
    found = []
    for name in names:
        length = _row_length(name, graph)
        row = first(name, min(length, _LONGEST)) if length >= _FEWEST else None
        if row is not None and is_smooth(row):
            found.append(name)
    return frozenset(found)


def _row_length(name: str, graph: Graph) -> int:
    """Return the length of a row of numbers, 0 for what is no row, or has a weight's use."""
    readers = {user.op for user in graph.consumers.get(name, ())}
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


def _candidates(graph: Graph) -> Iterator[tuple[str, int, int]]:
    """Yield the stored tensors that may be tables, with the sizes of the last two axes."""
    consumers = graph.consumers
    for name, weight in graph.weights.items():
        readers = {user.op for user in consumers.get(name, ())}
        if not readers <= _READERS:
            continue  # as most are read by a product or a normalization
        value = graph.values.get(name)
        if value is None or value.role is not Role.STORED or is_generated_name(name):
            continue
        if BUFFER in weight.metadata or INITIALIZER in weight.metadata:
            continue
        sizes = value.sizes or ()
        is_float = value.dtype is not None and value.dtype.is_float
        if not is_float or not sizes or not value.elements or not _FEWEST <= sizes[-1] <= _WIDEST:
            continue
        rows = sizes[-2] if len(sizes) > 1 and sizes[-2] > 1 else value.elements // sizes[-1]
        is_row = len(sizes) == 1 and readers.isdisjoint(_ADDING)  # what is added is a bias
        if rows > 1 or is_row or _EVEN.search(name) is not None:
            yield name, rows, sizes[-1]


def _is_made(name: str, rows: np.ndarray, is_square: bool) -> bool:
    if len(rows) > 1 and (is_sines(rows) or (is_square and is_triangle(rows))):
        return True
    return is_doubling(rows[0]) or (_EVEN.search(name) is not None and is_even(rows[0]))
