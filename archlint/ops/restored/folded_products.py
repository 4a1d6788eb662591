"""The FLOP of products that an exporter computed beforehand.

A product of stored tensors alone, such as the projection of learned queries, is computed in every
step of training, but only once during export. The record of the folded tensor names the call, for
instance `linear`, and no shapes: what the product cost is an interval where neither the numbers of
its result nor its factors in the file tell it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from math import isqrt, prod
from typing import TYPE_CHECKING

from msgspec import Struct

from archlint.graph.dtype import DType
from archlint.graph.graph import Graph
from archlint.graph.program.call_record import base_name
from archlint.ops.restored.call_kinds import (
    ARITHMETIC,
    CONVOLUTIONS,
    COPIES,
    CREATIONS,
    EXPANDING_VIEWS,
    KEEPING_SIZE,
    NORMS,
    OF_VECTORS,
    PRODUCT_CALLS,
    REDUCTIONS,
    TRANSPOSITIONS,
    VIEWS,
)
from archlint.ops.restored.distinct_numbers import DistinctNumbers
from archlint.ops.restored.folded_sizes import LARGEST_INPUT
from archlint.ops.restored.folded_tensors import FoldedTensor

if TYPE_CHECKING:
    import numpy as np

_WITH_ONE_WEIGHT = frozenset({"linear", "addmm", "mm"})
_EPSILON = 2.0**-23  # of single precision
_BOTH, _MATRIX = 2, 2
_LAYER = "linear"


class FoldedProducts(Struct, frozen=True):
    """The multiply-accumulates that make a tensor, and the number of gradients of each product.

    `features` is the number of input features if a single linear layer made the tensor, 0 where
    that is not known.
    """

    least: int = 0
    most: int = 0
    least_gradients: int = 0
    most_gradients: int = 0
    features: int = 0


NO_PRODUCTS = FoldedProducts()


class ProductsOfTensors(Struct, frozen=True, dict=True):
    """Works out what the products behind folded tensors cost.

    The number of products that a single matrix product sums, K, is the rank of its result, unless
    the rank is as large as it can be. Elsewhere, onnxscript's own limits bound the work: it folds
    only what has inputs of at most 8192 elements. A product of M x K and K x N takes MKN
    multiplications, the square root of MK times KN times MN.
    """

    graph: Graph
    numbers: DistinctNumbers

    def of(self, tensors: Iterable[FoldedTensor]) -> Mapping[str, FoldedProducts]:
        """Return the products that made each tensor; those of several count for the first."""
        found: dict[str, FoldedProducts] = {}
        counted = set[str]()
        for tensor in tensors:
            names = self._products(tensor)
            own = [name for name in names if name not in counted]
            if own:
                counted.update(own)
                found[tensor.name] = self._work(tensor, own, is_single=len(names) == 1)
        return found

    def _products(self, tensor: FoldedTensor) -> list[str]:
        """Return the calls that made a tensor and that multiply.

        Calls that have a node in the file are left out: what follows from the shape of their result
        alone is folded, though they still run.
        """
        dtype = self.graph.values[tensor.name].dtype
        if dtype is None or not dtype.is_float:
            return []
        makers, user = self.graph.producers, self.graph.consumers[tensor.name][0]
        return [
            name
            for name in tensor.origin.names
            if base_name(name) in _ALL and makers.get(name, user) is user
        ]

    def _work(self, tensor: FoldedTensor, names: list[str], *, is_single: bool) -> FoldedProducts:
        bases = [base_name(name) for name in names]
        if is_single:
            least, most = self._of_one(tensor, bases[0])
        else:
            least = sum(base in PRODUCT_CALLS for base in bases)
            most = sum(self._bound(tensor, base) for base in bases)
        is_layer = tensor.origin.calls == (_LAYER,) and least == most
        features = least // tensor.elements if is_layer else 0
        return FoldedProducts(least, most, *self._gradients(tensor, bases), features)

    def _of_one(self, tensor: FoldedTensor, base: str) -> tuple[int, int]:
        """Return the least and the most that one product multiplies."""
        others = set(tensor.origin.calls) - {base} - CREATIONS
        is_matrix = base in PRODUCT_CALLS - CONVOLUTIONS
        known = KEEPING_SIZE | EXPANDING_VIEWS | ARITHMETIC
        if tensor.calls.normalizes:
            known |= NORMS | REDUCTIONS
        if not is_matrix or not others <= known:
            return int(base in PRODUCT_CALLS), self._bound(tensor, base)
        elements = tensor.elements
        if not others <= KEEPING_SIZE | ARITHMETIC:
            return 1, LARGEST_INPUT * isqrt(self._distinct(tensor))
        if others & VIEWS - TRANSPOSITIONS:
            return 1 if others & ARITHMETIC else elements, LARGEST_INPUT * isqrt(elements)
        return self._of_matrix(tensor, base, others)

    def _distinct(self, tensor: FoldedTensor) -> int:
        """Return how many elements the distinct rows of a tensor have."""
        value = self.graph.values[tensor.name]
        rows = self.numbers.rows(value, (value.sizes or ())[:1])
        return tensor.elements if rows is None else rows.elements

    def _of_matrix(self, tensor: FoldedTensor, base: str, others: set[str]) -> tuple[int, int]:
        """Return the least and the most that the product of two matrices multiplies."""
        shape, elements = self.graph.values[tensor.name].sizes or (1,), tensor.elements
        rows, columns = prod(shape[:-1]), shape[-1]
        if base not in _WITH_ONE_WEIGHT and len(shape) > _MATRIX:
            rows = shape[-2]
        most = max(LARGEST_INPUT // max(rows, columns), 1)
        if others & ARITHMETIC:
            return 1, elements * most
        depth = self._depth(tensor, base, rows, columns)
        if depth:
            return elements * depth, elements * depth
        rank = 0
        if others <= TRANSPOSITIONS | COPIES:
            rank = self._rank(tensor, (-1, rows, columns), has_bias=self._has_bias(tensor, base))
        if 0 < rank < min(rows, columns):
            most = min(most, rank)
        return elements * min(max(rank, 1), most), elements * most

    def _depth(self, tensor: FoldedTensor, base: str, rows: int, columns: int) -> int:
        """Return the number of summed products, by a factor in the file; 0 where none tells it."""
        values = self.graph.values
        names = (*tensor.origin.parameters, *tensor.origin.others)
        if self._factors(tensor) - self._has_bias(tensor, base) > _BOTH:
            return 0
        for name in names:
            shape = values[name].sizes if name in values else None
            if shape is not None and len(shape) == _MATRIX:
                sides = {side for side, other in (shape, shape[::-1]) if other in (rows, columns)}
                if len(sides) == 1:
                    return sides.pop()
        return 0

    def _rank(self, tensor: FoldedTensor, shape: tuple[int, ...], *, has_bias: bool) -> int:
        """Return the rank of a matrix, or the largest of several; 0 where no numbers tell it.

        Where a bias was added to the product, it is the rank of the differences between rows.
        """
        value = self.graph.values[tensor.name]
        numbers = self.numbers.of(value) if value.dtype is DType.FLOAT32 else None
        if numbers is None:
            return 0
        return _rank(numbers.reshape(shape), has_bias=has_bias)

    def _has_bias(self, tensor: FoldedTensor, base: str) -> bool:
        """Whether a product adds a row of numbers."""
        return base in {_LAYER, "addmm"} and self._factors(tensor) == _BOTH + 1

    def _factors(self, tensor: FoldedTensor) -> int:
        made = not CREATIONS.isdisjoint(tensor.origin.calls)
        return len(tensor.origin.parameters) + len(tensor.origin.others) + made

    def _gradients(self, tensor: FoldedTensor, bases: list[str]) -> tuple[int, int]:
        """Return how many operands of each product need a gradient, at least and at most."""
        if not tensor.origin.parameters:
            return 0, 0
        others = len(tensor.origin.others) + (not CREATIONS.isdisjoint(tensor.origin.calls))
        factors = len(tensor.origin.parameters) - self._has_bias(tensor, bases[0])
        if not others:  # what multiplies the only parameter may be itself
            return min(factors, _BOTH), _BOTH
        is_told = others == 1 and factors == 1 and len(bases) == 1
        return int(others == 1), 1 if is_told else _BOTH

    def _keeps_rows(self, tensor: FoldedTensor) -> bool:
        """Whether a tensor was made by layers alone, which keep the rows that they are given."""
        calls = set(tensor.origin.calls)
        layers = KEEPING_SIZE - VIEWS | ARITHMETIC | CREATIONS | {_LAYER}
        return _LAYER in calls and calls <= layers

    def _rows(self, tensor: FoldedTensor) -> int:
        shape = self.graph.values[tensor.name].sizes or (1,)
        return prod(shape[:-1])

    def _bound(self, tensor: FoldedTensor, base: str) -> int:
        """Return the most multiplications of a product, by the limits of what is folded."""
        largest = max(tensor.elements, LARGEST_INPUT)
        if base in CONVOLUTIONS:
            return largest * LARGEST_INPUT
        if self._keeps_rows(tensor):  # a row at a time, with a matrix of those that are folded
            return min(LARGEST_INPUT * isqrt(largest), LARGEST_INPUT * self._rows(tensor))
        if base in OF_VECTORS:  # with the matrix that is normalized, or no larger one
            return tensor.elements if tensor.calls.normalizes else LARGEST_INPUT
        return LARGEST_INPUT * isqrt(largest)


_ALL = PRODUCT_CALLS | OF_VECTORS


def _rank(matrices: np.ndarray, *, has_bias: bool) -> int:
    """Return the largest rank of matrices whose numbers have single precision."""
    import numpy as np

    if not np.isfinite(matrices).all():
        return 0
    if has_bias:
        matrices = matrices - matrices.mean(axis=1, keepdims=True)
    singular = np.linalg.svd(matrices, compute_uv=False)
    least = singular[:, :1] * max(matrices.shape[1:]) * _EPSILON
    return int((singular > least).sum(axis=1).max())
