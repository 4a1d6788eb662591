"""The numbers of stored tensors, read only when a rule asks for them."""

from __future__ import annotations

from collections import Counter
from functools import cached_property
from typing import TYPE_CHECKING

from archlint.engine.alike_tensors import AlikeTensors
from archlint.sources.problem import Unreadable
from archlint.sources.tensor_numbers import UnknownNumbers

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray
    from onnx import GraphProto, ModelProto, TensorProto

    from archlint.sources.part import Part
    from archlint.sources.payload import Payload
    from archlint.sources.statistics import Statistics
    from archlint.sources.tensor_numbers import TensorNumbers

_SHORT = 4096
"""Smallest size in bytes of tensors that are compared with others."""
_FEW = 300
"""Number of tensors that are read to decide whether weights are fresh."""


class StoredNumbers:
    """The numbers in one file, by the names of their tensors.

    Large tensors are read from the file at `path`; small ones are in the model itself. Problems
    with the bytes are reported when the file is loaded, not here. They are those of `graphs`, by
    default of the outermost one.
    """

    def __init__(
        self,
        path: Path,
        proto: ModelProto,
        payloads: Mapping[str, Payload],
        graphs: Sequence[GraphProto] = (),
    ) -> None:
        self._path = path
        self._proto = proto
        self._payloads = payloads
        self._graphs = graphs or (proto.graph,)
        self._described: dict[str, Statistics | None] = {}
        self._alike: dict[tuple[int, tuple[int, ...], bytes], Statistics] = {}

    @cached_property
    def inside(self) -> TensorNumbers:
        """Those of nested graphs: of names that no other tensor of the file has."""
        graphs = tuple(_nested(self._proto.graph))
        if not graphs:
            return UnknownNumbers()
        names = Counter(name for graph in (self._proto.graph, *graphs) for name in _stored(graph))
        alone = {name: own for name, own in self._payloads.items() if names[name] == 1}
        inside = StoredNumbers(self._path, self._proto, alone, graphs)
        for tensors in (inside._initializers, inside._constants):  # as nothing else has read them
            for name in [name for name in tensors if names[name] > 1]:
                del tensors[name]
        return inside

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

    def within(self, name: str, part: Part) -> tuple[int, ...]:
        """Return the channels of a tensor whose numbers are all in a range; none if missing."""
        from archlint.sources.channels import channels_of, channels_within

        try:
            payload, tensor = self._payloads.get(name), self._small(name)
            if payload is not None:
                return channels_within(self._path, payload, part)
            if tensor is None or tensor.data_location == tensor.EXTERNAL:
                return ()
            from onnx import numpy_helper

            return channels_of(numpy_helper.to_array(tensor).astype("float64"), part)
        except (Unreadable, ValueError, TypeError, KeyError):
            return ()

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
        tensor = self._small(name)
        if tensor is None or tensor.data_location == tensor.EXTERNAL:
            return None
        return self._of_small(tensor)

    def _small(self, name: str) -> TensorProto | None:
        """Return a tensor that is in the model itself."""
        return self._initializers.get(name) or self._constants.get(name)

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
        return {tensor.name: tensor for graph in self._graphs for tensor in graph.initializer}

    @cached_property
    def _constants(self) -> dict[str, TensorProto]:
        """The tensors that Constant nodes make."""
        return dict(pair for graph in self._graphs for pair in _constants(graph))


def _nested(graph: GraphProto) -> Iterator[GraphProto]:
    """Yield the graphs inside a graph, at any depth."""
    pending = [graph]
    for outer in pending:
        inner = [
            part
            for node in outer.node
            for attribute in node.attribute
            for part in (attribute.g, *attribute.graphs)
            if part.node
        ]
        pending += inner
        yield from inner


def _stored(graph: GraphProto) -> Iterator[str]:
    """Yield the names of the tensors that a graph itself stores."""
    yield from (tensor.name for tensor in graph.initializer)
    yield from (name for name, _ in _constants(graph))


def _constants(graph: GraphProto) -> Iterator[tuple[str, TensorProto]]:
    for node in graph.node:
        if node.op_type == "Constant" and node.output:
            for attribute in node.attribute:
                if attribute.HasField("t"):
                    yield node.output[0], attribute.t
