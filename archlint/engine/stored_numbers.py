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


def reader(
    path: Path, proto: ModelProto, payloads: Mapping[str, Payload]
) -> Callable[[str], Statistics | None]:
    """Return what describes a stored tensor by its name; None where its bytes are not there.

    Large tensors are sampled from the file at `path`, small ones stand in the model itself. What
    is wrong with the bytes is told when the file is loaded, not here.
    """

    @cache
    def inline() -> dict[str, TensorProto]:
        return {name: tensor for name, tensor in _tensors(proto) if name not in payloads}

    @cache
    def describe(name: str) -> Statistics | None:
        from archlint.sources.statistics import statistics, tensor_statistics

        try:
            if name in payloads:
                return statistics(path, payloads[name])
            tensor = inline().get(name)
            return None if tensor is None else tensor_statistics(tensor)
        except Unreadable:
            return None

    return describe


def _tensors(proto: ModelProto) -> Iterator[tuple[str, TensorProto]]:
    """Yield the tensors that stand in the model, with their names."""
    for tensor in proto.graph.initializer:
        if tensor.data_location != tensor.EXTERNAL:
            yield tensor.name, tensor
    for node in proto.graph.node:
        if node.op_type == "Constant" and node.output:
            for attribute in node.attribute:
                if attribute.HasField("t") and attribute.t.data_location != attribute.t.EXTERNAL:
                    yield node.output[0], attribute.t
