"""Files that are broken, or made to do harm: each is refused, with the place where it can be."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from archlint.sources.limits import Limits
from archlint.sources.onnx_file import read_onnx
from archlint.sources.problem import Problem, Unreadable
from archlint.sources.wire import WireType, key, write_field, write_varint

if TYPE_CHECKING:
    from pathlib import Path

LIMITS = Limits()
NODE: bytes = helper.make_node("Neg", ["x"], ["y"], name="only").SerializeToString()
GRAPH = write_field(key(7), write_field(key(1), NODE))


def problem_of(tmp_path: Path, data: bytes, limits: Limits = LIMITS) -> Problem:
    path = tmp_path / "model.onnx"
    path.write_bytes(data)
    with pytest.raises(Unreadable) as caught:
        read_onnx(path, limits)
    (problem,) = caught.value.problems
    assert (problem.code, problem.name) == ("FILE001", "unreadable-file")
    assert problem.message
    return problem


def tensor(*fields: bytes) -> bytes:
    """Return a model with one initializer made of raw fields."""
    return write_field(key(7), write_field(key(5), b"".join(fields)))


BYTES = bytes(8000)
RAW = write_field(key(9), BYTES)
FLOATS = write_field(key(4), BYTES)


@pytest.mark.parametrize(
    ("data", "offset", "words"),
    [
        pytest.param(GRAPH[:-3], 0, "cut off", id="truncated"),
        pytest.param(
            b"\x3a\xff\xff\x03" + bytes(9),
            0,
            "needs at least 65,526 more bytes",
            id="length-past-end",
        ),
        pytest.param(
            write_field(key(7), b"\x0a\x7f") + b"\x32\x01d",
            2,
            "longer than the graph",
            id="past-parent",
        ),
        pytest.param(b"\x08" + b"\xff" * 10 + b"\x01", 1, "longer than 10", id="long-varint"),
        pytest.param(b"\x3a" + b"\xff" * 9 + b"\x01", 0, "cut off", id="length-2^64"),
        pytest.param(b"\x08\x0a\x00\x00", 2, "protobuf", id="field-0"),
        pytest.param(b"\x08\x0a\x0b\x0c", 2, "group", id="group"),
        pytest.param(b"\x08\x0a\x0e", 2, "protobuf", id="wire-type-6"),
        pytest.param(GRAPH + GRAPH, len(GRAPH), "two", id="two-graphs"),
        pytest.param(tensor(RAW, RAW), None, "more than one way", id="raw-data-twice"),
        pytest.param(tensor(RAW, FLOATS), None, "more than one way", id="raw-and-float-data"),
        pytest.param(b"\x08\x0a", None, "no graph", id="no-graph"),
    ],
)
def test_a_broken_file_is_refused_at_its_fault(
    tmp_path: Path, data: bytes, offset: int | None, words: str
) -> None:
    problem = problem_of(tmp_path, data)
    assert words in problem.message
    assert offset is None or problem.offset == offset


def test_a_fault_in_a_small_message_has_a_place(tmp_path: Path) -> None:
    """Small messages are copied unread; the place is looked for once the parser refuses them."""
    broken = GRAPH.replace(b"\x1a\x04only", b"\x1a\x7fonly")
    problem = problem_of(tmp_path, broken)
    assert problem.offset == broken.index(b"\x1a\x7fonly")


def nested(levels: int) -> bytes:
    graph = write_field(key(1), NODE)
    for _ in range(levels):
        attribute = write_field(key(1), b"then_branch") + write_field(key(6), graph)
        graph = write_field(key(1), write_field(key(4), b"If") + write_field(key(5), attribute))
    return write_field(key(7), graph)


@pytest.mark.parametrize("padding", [0, 5000], ids=["small", "large"])
def test_subgraphs_in_subgraphs_without_end(tmp_path: Path, padding: int) -> None:
    """Small messages go to the parser unread, large ones are entered: both have an end."""
    data = write_field(key(7), write_field(key(1), nested_node(60, padding)))
    assert "nested" in problem_of(tmp_path, data).message


def nested_node(levels: int, padding: int) -> bytes:
    node = write_field(key(6), b"d" * padding) + NODE
    for _ in range(levels):
        attribute = write_field(key(6), write_field(key(1), node))
        node = write_field(key(5), attribute)
    return node


def test_subgraphs_as_deep_as_protobuf_allows_are_read(tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(nested(30))
    assert read_onnx(path).model == onnx.ModelProto.FromString(nested(30))


def test_files_with_too_many_fields_are_refused(tmp_path: Path) -> None:
    problem = problem_of(tmp_path, write_field(key(7), b"\x0a\x00" * 60_000), Limits(fields=50_000))
    assert "50,000 parts" in problem.message


def test_a_graph_that_is_too_large_is_refused_before_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    with path.open("wb") as file:
        file.write(b"\x32" + write_varint(1 << 32))  # a doc_string of 4 GiB
        file.truncate(1 << 33)
    with pytest.raises(Unreadable, match="64 MiB"):
        read_onnx(path)


@pytest.mark.parametrize("dims", [[-1, 3], [1 << 62, 1 << 62], [0, 5]])
def test_dimensions_are_exact_numbers(tmp_path: Path, dims: list[int]) -> None:
    message = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=dims).SerializeToString()
    path = tmp_path / "model.onnx"
    path.write_bytes(tensor(message, RAW))
    document = read_onnx(path)
    assert document.payloads["w"].dims == tuple(dims)
    assert [problem.code for problem in document.problems] == ["FILE004"] * (min(dims) >= 0)


def test_packed_dimensions_are_read(tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(tensor(write_field(key(1), write_varint(2) + write_varint(1000)), RAW))
    (payload,) = read_onnx(path).payloads.values()
    assert payload.dims == (2, 1000)


def test_payload_of_a_wrong_length_is_a_problem_with_a_place(tmp_path: Path) -> None:
    broken = numpy_helper.from_array(np.zeros(2000, np.float32), "w")
    broken.dims[:] = [2001]
    model = helper.make_model(helper.make_graph([], "g", [], [], [broken]))
    path = tmp_path / "model.onnx"
    path.write_bytes(model.SerializeToString())
    (problem,) = read_onnx(path).problems
    assert (problem.code, problem.tensor) == ("FILE004", "w")
    assert "8,004" in problem.message
    assert "8,000" in problem.message
    assert problem.offset == read_onnx(path).payloads["w"].offset


def test_unpacked_elements_are_kept_and_cost_little(tmp_path: Path) -> None:
    number = bytes([key(4, WireType.FOUR_BYTES)]) + struct.pack("<f", 1.5)
    path = tmp_path / "model.onnx"
    path.write_bytes(tensor(write_varint(key(2, WireType.VARINT)) + b"\x01", number * 500_000))
    document = read_onnx(path, Limits(fields=1000))
    assert len(document.model.graph.initializer[0].float_data) == 500_000


def test_a_file_that_shrinks_while_it_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from archlint.sources.byte_file import ByteFile

    path = tmp_path / "model.onnx"
    path.write_bytes(GRAPH + bytes(100))
    opened = ByteFile.open

    def shrink(given: Path) -> ByteFile:
        file = opened(given)
        path.write_bytes(GRAPH)
        return file

    monkeypatch.setattr(ByteFile, "open", shrink)
    with pytest.raises(Unreadable, match="shorter"):
        read_onnx(path)


def test_attributes_that_take_a_hundred_times_more_memory_than_bytes(tmp_path: Path) -> None:
    node = write_field(key(1), write_field(key(5), b"") * 1500)
    problem = problem_of(tmp_path, write_field(key(7), node * 40), Limits(fields=50_000))
    assert "50,000 parts" in problem.message
