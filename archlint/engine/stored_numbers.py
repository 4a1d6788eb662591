"""Reading what the numbers of a stored tensor look like, only when a rule asks for it."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from archlint.sources.problem import Unreadable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from onnx import ModelProto, TensorProto

    from archlint.sources.payload import Payload
    from archlint.sources.statistics import Statistics

_SHORT = 4096
"""Bytes of a tensor that is worth comparing with others."""


def reader(
    path: Path, proto: ModelProto, payloads: Mapping[str, Payload]
) -> Callable[[str], Statistics | None]:
    """Return what describes a stored tensor by its name; None where its bytes are not there.

    Large tensors are sampled from the file at `path`, small ones stand in the model itself. What
    is wrong with the bytes is told when the file is loaded, not here.
    """

    @cache
    def initializers() -> dict[str, TensorProto]:
        return {tensor.name: tensor for tensor in proto.graph.initializer}

    @cache
    def constants() -> dict[str, TensorProto]:
        return dict(_constants(proto))

    alike: dict[tuple[int, tuple[int, ...], bytes], Statistics] = {}

    def small(tensor: TensorProto) -> Statistics:
        """Describe a tensor; most gains and biases of a network are the same ones and zeros."""
        from archlint.sources.statistics import tensor_statistics

        raw = tensor.raw_data
        if not raw or len(raw) > _SHORT:
            return tensor_statistics(tensor)
        key = (tensor.data_type, tuple(tensor.dims[:]), raw)
        found = alike.get(key)
        if found is None:
            found = alike[key] = tensor_statistics(tensor)
        return found

    @cache
    def describe(name: str) -> Statistics | None:
        try:
            if name in payloads:
                from archlint.sources.statistics import statistics

                return statistics(path, payloads[name])
            tensor = initializers().get(name) or constants().get(name)
            if tensor is None or tensor.data_location == tensor.EXTERNAL:
                return None
            return small(tensor)
        except Unreadable:
            return None

    return describe


def comparer(
    path: Path, proto: ModelProto, payloads: Mapping[str, Payload]
) -> Callable[[str, str], bool]:
    """Return what tells whether a stored matrix is another one turned round, by their names."""

    def compare(matrix: str, other: str) -> bool:
        try:
            if matrix in payloads and other in payloads:
                from archlint.sources.turned import is_turned

                return is_turned(path, payloads[matrix], payloads[other])
            return _hold_the_same(proto, matrix, other)
        except Unreadable:
            return False

    return compare


def _hold_the_same(proto: ModelProto, matrix: str, other: str) -> bool:
    """Whether a matrix that stands in the model itself is another one turned round."""
    from onnx import numpy_helper

    tensors = {tensor.name: tensor for tensor in proto.graph.initializer}
    pair = [tensors[name] for name in (matrix, other) if name in tensors]
    if len(pair) < 2 or any(tensor.data_location == tensor.EXTERNAL for tensor in pair):
        return False
    try:
        numbers, turned = map(numpy_helper.to_array, pair)
    except (ValueError, TypeError, KeyError):
        return False
    return bool((turned == numbers.T).all()) and bool((numbers != numbers.flat[0]).any())


def _constants(proto: ModelProto) -> Iterator[tuple[str, TensorProto]]:
    """Yield the tensors that Constant nodes make, with their names."""
    for node in proto.graph.node:
        if node.op_type == "Constant" and node.output:
            for attribute in node.attribute:
                if attribute.HasField("t"):
                    yield node.output[0], attribute.t
