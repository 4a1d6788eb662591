"""The sizes of parameters that are in the file only as a part of folded tensors.

An optimizer that folds `weight * scale` stores the product and drops both factors. Their names are
recorded, their shapes are not. A size follows where all calls keep it, and where the numbers show
what was repeated or looked up (`distinct_numbers`); else it is an interval.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import cached_property

from msgspec import Struct, field

from archlint.graph.graph import Graph
from archlint.graph.value import Value
from archlint.ops.restored.distinct_numbers import DistinctNumbers, Rows, distinct_of_all
from archlint.ops.restored.folded_tensors import FoldedTensor

LARGEST_INPUT = 8192
"""Elements of the largest tensor that onnxscript computes with beforehand, but to transpose it."""

# What PyTorch calls a parameter that another one of its shape is computed from.
_PARAMETRIZED = re.compile(r"\.parametrizations\.\w+\.original$|(^|\.)\w+_orig$")

_BIAS = "bias"


class Size(Struct, frozen=True):
    """The number of elements of a parameter: from `low` to `high`."""

    low: int
    high: int

    @classmethod
    def exact(cls, count: int) -> Size:
        """Return a size that is known."""
        return cls(count, count)


class FoldedSizes(Struct, frozen=True, dict=True):
    """Works out the sizes of parameters that are not in the file from the tensors made of them.

    `features` gives the number of input features for tensors that a linear layer made of a stored
    one.
    """

    graph: Graph
    numbers: DistinctNumbers
    features: Mapping[str, int] = field(default_factory=dict)

    def of(self, tensors: Iterable[FoldedTensor]) -> Mapping[str, Size]:
        """Return the sizes of the parameters that `tensors` are made of, if not in the file."""
        made: dict[str, list[FoldedTensor]] = {}
        sizes: dict[str, Size] = {}
        for tensor in tensors:
            for name in tensor.origin.parameters:
                if name in self.graph.values:
                    continue
                made.setdefault(name, []).append(tensor)
        for name, of_it in made.items():
            each = [self._size(name, tensor) for tensor in of_it]
            alone = [tensor for tensor in of_it if len(tensor.origin.parameters) == 1]
            if len(alone) > 1:
                each.append(self._of_pieces(alone))
            low = max(size.low for size in each)
            sizes[name] = Size(low, max(min(size.high for size in each), low))
        return sizes

    def of_buffer(self, tensor: FoldedTensor) -> tuple[int, bool] | None:
        """Return the size of the one buffer that a tensor is made of, and whether it is an index.

        None where it does not follow. A buffer that is sliced is at least as large as the tensor.
        """
        calls, origin = tensor.calls, tensor.origin
        if len(origin.others) != 1 or len(origin.parameters) > 1:
            return None
        if tensor.name in self.features:
            return tensor.elements // self._columns(tensor) * self.features[tensor.name], False
        if not origin.parameters:
            return None if calls.may_grow or not calls.only_copy else (tensor.elements, False)
        rows = self._rows(tensor) if calls.looks_up_stored_places else None
        return None if rows is None else (tensor.elements // rows.length, True)

    def places(self, tensor: FoldedTensor) -> int:
        """Return the length of the index that looked up the rows of a tensor, 0 where unknown.

        A pass makes it of sizes; what it looks up may be expanded to the samples.
        """
        rows = self._rows(tensor) if tensor.calls.makes_places else None
        if rows is None:
            return 0
        shape, samples = self.graph.values[tensor.name].sizes or (1,), 1
        if tensor.calls.expands_rows and shape[0] in self._batches:
            samples = shape[0]
        return tensor.elements // rows.length // samples

    def _size(self, parameter: str, tensor: FoldedTensor) -> Size:
        count, calls, names = tensor.elements, tensor.calls, tensor.origin.parameters
        if _PARAMETRIZED.search(parameter):
            return Size.exact(count)
        if tensor.weight_norm is not None:
            is_direction = parameter == tensor.weight_norm[0]
            return Size.exact(count) if is_direction else self._of_magnitude(tensor)
        if tensor.name in self.features and len(names) + len(tensor.origin.others) > 1:
            columns, is_bias = self._columns(tensor), _BIAS in parameter.rpartition(".")[2]
            return Size.exact(columns if is_bias else columns * self.features[tensor.name])
        if calls.only_join:
            place = names.index(parameter)
            return Size.exact((count + place) // len(names))
        if len(names) == 1:
            return self._of_one(tensor)
        low = 1 if calls.may_cut else int(count ** (1 / len(names)))
        return Size(low, max(count, LARGEST_INPUT) if calls.may_cut else count)

    def _columns(self, tensor: FoldedTensor) -> int:
        return (self.graph.values[tensor.name].sizes or (1,))[-1]

    def _of_magnitude(self, tensor: FoldedTensor) -> Size:
        """Return the size of the magnitudes of a weight norm: one for each index of an axis."""
        shape = self.graph.values[tensor.name].sizes or (1,)
        return Size(min(shape), max(shape))

    def _of_one(self, tensor: FoldedTensor) -> Size:
        """Return the size of a parameter that alone makes a tensor."""
        count, calls = tensor.elements, tensor.calls
        most = max(count, LARGEST_INPUT) if calls.may_cut else count
        if calls.may_grow and calls.only_move:
            rows = self._rows(tensor)
            if rows is not None:
                is_all = calls.only_repeat or calls.looks_up_stored_places
                return Size(rows.elements, rows.elements if is_all else most)
            if calls.only_repeat:
                return self._of_repeated(tensor)
        if calls.looks_up_stored_places:
            most = count
        return Size(1 if calls.may_grow else count, most)

    def _of_repeated(self, tensor: FoldedTensor) -> Size:
        """Return the size of a parameter whose numbers do not tell along which axes it repeats.

        A token is repeated for each sample, and never along its features.
        """
        shape = self.graph.values[tensor.name].sizes or (1,)
        if shape[0] not in self._batches:
            return Size(1, tensor.elements)
        most = tensor.elements // shape[0]
        return Size(shape[-1] if len(shape) > 1 else 1, most)

    def _of_pieces(self, tensors: list[FoldedTensor]) -> Size:
        """Return the size of a parameter that several tensors are parts of.

        If they share no number, they are all parts of it, side by side.
        """
        parts = [self.graph.values[each.name] for each in tensors if each.calls.only_move]
        numbers = [self.numbers.of(part, self._batches) for part in parts]
        known = [each for each in numbers if each is not None]
        if len(known) < len(tensors):
            return Size(1, LARGEST_INPUT)
        together, are_apart = distinct_of_all(known)
        counts = [self._own_elements(part) for part in parts]
        if are_apart and all(counts):
            return Size.exact(sum(counts))
        return Size(together, LARGEST_INPUT)

    def _rows(self, tensor: FoldedTensor) -> Rows | None:
        return self.numbers.rows(self.graph.values[tensor.name], self._batches)

    @cached_property
    def _batches(self) -> frozenset[int]:
        """The sizes of the first axes of the inputs, without one."""
        shapes = (self.graph.values[name].sizes for name in self.graph.inputs)
        return frozenset(shape[0] for shape in shapes if shape and shape[0] != 1)

    def _own_elements(self, part: Value) -> int:
        """Return how many elements the distinct rows of a part have, 0 where they do not tell."""
        if part.elements == 1:
            return 1
        rows = self.numbers.rows(part, self._batches)
        return 0 if rows is None else rows.elements
