"""What is in ONNX messages, as protobuf's own reader has it."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING

from google.protobuf.message import Message
from onnx import TensorProto

if TYPE_CHECKING:
    from collections.abc import Iterator

    from onnx import ModelProto

DATA = ("raw_data", "float_data", "int32_data", "int64_data", "double_data", "uint64_data")
"""The fields of a tensor that can hold its numbers."""


def tensors_of(message: Message) -> Iterator[TensorProto]:
    """Yield every tensor anywhere in a message, in the order of the fields."""
    if isinstance(message, TensorProto):
        yield message
    for descriptor, value in message.ListFields():
        if descriptor.message_type is not None:
            for part in [value] if isinstance(value, Message) else value:
                yield from tensors_of(part)


def clear_data(tensor: TensorProto) -> None:
    """Take the numbers out of a tensor, and where they are in another file."""
    for field in (*DATA, "external_data", "data_location"):
        tensor.ClearField(field)


def trained_numbers(model: ModelProto) -> int:
    """Return how many numbers of an architecture's weights are trained."""
    count = 0
    for tensor in model.graph.initializer:
        facts = {entry.key: entry.value for entry in tensor.metadata_props}
        if "archlint.initializer" in facts and "archlint.buffer" not in facts:
            count += prod(tensor.dims)
    return count
