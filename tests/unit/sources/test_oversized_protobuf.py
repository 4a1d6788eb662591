"""DEPLOY008: protobuf reads no message of 2 GiB or more."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from onnx import TensorProto, helper

from archlint.sources.onnx_file import read_onnx
from archlint.sources.wire import write_varint

if TYPE_CHECKING:
    from pathlib import Path

LIMIT = 2**31
DOC_STRING, GRAPH, INITIALIZER, RAW_DATA = 6, 7, 5, 9  # fields of the messages of ONNX


def write(path: Path, size: int) -> None:
    """Write a model of `size` bytes, most of them a hole that is the weight of its only node."""
    count = (size - 1024) // 4
    graph = helper.make_graph(
        [helper.make_node("Mul", ["x", "w"], ["y"])],
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [count])],
    )
    model = helper.make_model(graph)
    body = model.graph.SerializeToString()
    model.ClearField("graph")
    tensor = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[count]).SerializeToString()
    tensor += field(RAW_DATA, 4 * count)
    body += field(INITIALIZER, len(tensor) + 4 * count) + tensor
    head = model.SerializeToString() + field(GRAPH, len(body) + 4 * count) + body
    text = b"a" * (size - len(head) - 4 * count - len(field(DOC_STRING, 600)))
    with path.open("wb") as file:
        file.write(field(DOC_STRING, len(text)) + text + head)
        file.truncate(size)


def field(number: int, length: int) -> bytes:
    """Return the key and the length of a field."""
    return write_varint(number << 3 | 2) + write_varint(length)


@pytest.mark.parametrize("size", [LIMIT - 1, LIMIT, LIMIT + 5])
def test_a_file_of_two_gibibytes_is_too_large(size: int, tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    write(path, size)
    document = read_onnx(path)
    assert document.size == size
    assert [each.code for each in document.problems] == ["DEPLOY008"] * (size >= LIMIT)
    assert document.payloads["w"].dims == ((size - 1024) // 4,)
