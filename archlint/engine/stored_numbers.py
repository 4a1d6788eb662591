"""The numbers of stored tensors, read only when a rule asks for them."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from archlint.engine.alike_tensors import AlikeTensors
from archlint.sources.problem import Unreadable

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray
    from onnx import ModelProto, TensorProto

    from archlint.sources.payload import Payload
    from archlint.sources.statistics import Statistics

_SHORT = 4096
"""Smallest size in bytes of tensors that are compared with others."""
_FEW = 300
"""Number of tensors that are read to decide whether weights are fresh."""


class StoredNumbers:
    """The numbers in one file, by the names of their tensors.

    Large tensors are read from the file at `path`; small ones are in the model itself. Problems
    with the bytes are reported when the file is loaded, not here.
    """

    def __init__(self, path: Path, proto: ModelProto, payloads: Mapping[str, Payload]) -> None:
        self._path = path
        self._proto = proto
        self._payloads = payloads
        self._described: dict[str, Statistics | None] = {}
        self._alike: dict[tuple[int, tuple[int, ...], bytes], Statistics] = {}

    def describe(self, name: str) -> Statistics | None:
        """Return sampled statistics of a tensor; None where its bytes are missing."""
        if name not in self._described and len(self._described) > _FEW:
            self._described |= self._ahead.with_others(name)
        if name not in self._described:
            try:
                self._described[name] = self._statistics(name)
            except Unreadable:
                self._described[name] = None
        return self._described[name]

    def first(self, name: str, count: int) -> NDArray[np.float64] | None:
        """Return the first `count` numbers of a tensor; None where they are missing."""
        try:
            payload = self._payloads.get(name)
            tensor = self._initializers.get(name) or self._constants.get(name)
            if payload is not None:
                from archlint.sources.first_numbers import first_numbers

                return first_numbers(self._path, payload, count)
            if tensor is None or tensor.data_location == tensor.EXTERNAL:
                return None
            from onnx import numpy_helper

            numbers = numpy_helper.to_array(tensor).reshape(-1)[:count].astype("float64")
            return numbers if len(numbers) == count else None
        except (Unreadable, ValueError, TypeError, KeyError):
            return None

    def is_transposed(self, matrix: str, other: str) -> bool:
        """Whether a matrix holds the numbers of another one, transposed."""
        try:
            if matrix in self._payloads and other in self._payloads:
                from archlint.sources.transposed import is_transposed

                return is_transposed(self._path, self._payloads[matrix], self._payloads[other])
            return self._is_transposed_inside(matrix, other)
        except Unreadable:
            return False

    def _statistics(self, name: str) -> Statistics | None:
        if name in self._payloads:
            from archlint.sources.statistics import statistics

            return statistics(self._path, self._payloads[name])
        tensor = self._initializers.get(name) or self._constants.get(name)
        if tensor is None or tensor.data_location == tensor.EXTERNAL:
            return None
        return self._of_small(tensor)

    def _of_small(self, tensor: TensorProto) -> Statistics:
        """Describe a small tensor, cached by content: most gains and biases are ones and zeros."""
        from archlint.sources.statistics import tensor_statistics

        raw = tensor.raw_data
        if not raw or len(raw) > _SHORT:
            return tensor_statistics(tensor)
        key = (tensor.data_type, tuple(tensor.dims[:]), raw)
        found = self._alike.get(key)
        if found is None:
            found = self._alike[key] = tensor_statistics(tensor)
        return found

    def _is_transposed_inside(self, matrix: str, other: str) -> bool:
        """Compare matrices that are stored in the model itself."""
        from onnx import numpy_helper

        tensors = self._initializers
        pair = [tensors[name] for name in (matrix, other) if name in tensors]
        if len(pair) < 2 or any(tensor.data_location == tensor.EXTERNAL for tensor in pair):
            return False
        try:
            numbers, transposed = map(numpy_helper.to_array, pair)
        except (ValueError, TypeError, KeyError):
            return False
        return bool((transposed == numbers.T).all()) and bool((numbers != numbers.flat[0]).any())

    @cached_property
    def _ahead(self) -> AlikeTensors:
        return AlikeTensors(self._path, self._payloads, self._initializers)

    @cached_property
    def _initializers(self) -> dict[str, TensorProto]:
        return {tensor.name: tensor for tensor in self._proto.graph.initializer}

    @cached_property
    def _constants(self) -> dict[str, TensorProto]:
        """The tensors that Constant nodes make."""
        return dict(_constants(self._proto))


def _constants(proto: ModelProto) -> Iterator[tuple[str, TensorProto]]:
    for node in proto.graph.node:
        if node.op_type == "Constant" and node.output:
            for attribute in node.attribute:
                if attribute.HasField("t"):
                    yield node.output[0], attribute.t
