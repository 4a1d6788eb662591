"""Where payloads are found: constants, subgraphs, functions, sparse tensors, attributes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from archlint.sources.limits import Limits
from archlint.sources.onnx_file import OnnxDocument, read_onnx
from archlint.sources.payload import ELIDED
from archlint.sources.wire import write_field, write_varint

if TYPE_CHECKING:
    from pathlib import Path

X = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n"])
Y = helper.make_tensor_value_info("y", TensorProto.FLOAT, None)
BIG = np.arange(2000, dtype=np.float32)


def big(name: str, scale: float = 1.0) -> TensorProto:
    return numpy_helper.from_array(BIG * np.float32(scale), name)


def read(tmp_path: Path, model: onnx.ModelProto) -> OnnxDocument:
    path = tmp_path / "model.onnx"
    path.write_bytes(model.SerializeToString())
    return read_onnx(path)


def model_of(
    *nodes: onnx.NodeProto,
    stored: tuple[TensorProto, ...] = (),
    sparse: tuple[onnx.SparseTensorProto, ...] = (),
    functions: tuple[onnx.FunctionProto, ...] = (),
) -> onnx.ModelProto:
    graph = helper.make_graph(list(nodes), "g", [X], [Y], stored, sparse_initializer=sparse)
    return helper.make_model(graph, functions=functions)


def values(document: OnnxDocument, name: str, dtype: str = "<f4") -> np.ndarray:
    payload = document.payloads[name]
    data = document.path.read_bytes()[payload.offset : payload.offset + payload.length]
    return np.frombuffer(data, dtype)


def test_constant_is_known_by_the_output_of_its_node(tmp_path: Path) -> None:
    constant = helper.make_node("Constant", [], ["scale"], value=big("anything"))
    document = read(tmp_path, model_of(constant, helper.make_node("Mul", ["x", "scale"], ["y"])))
    assert list(document.payloads) == ["scale"]
    assert document.payloads["scale"].where == ("graph", "node", "scale", "value")
    np.testing.assert_array_equal(values(document, "scale"), BIG)
    tensor = document.model.graph.node[0].attribute[0].t
    assert tensor.name == "anything"
    assert tensor.external_data[0].value == ELIDED


def test_names_that_clash_are_told_apart_by_the_way_to_them(tmp_path: Path) -> None:
    branches = {
        f"{name}_branch": helper.make_graph(
            [helper.make_node("Identity", ["w"], ["out"])],
            name,
            [],
            [helper.make_tensor_value_info("out", TensorProto.FLOAT, None)],
            [big("w", scale)],
        )
        for name, scale in (("then", 2), ("else", 3))
    }
    choice = helper.make_node("If", ["condition"], ["z"], name="choice", **branches)
    add = helper.make_node("Add", ["z", "w"], ["y"])
    document = read(tmp_path, model_of(choice, add, stored=(big("w"),)))
    np.testing.assert_array_equal(values(document, "w"), BIG)
    step = "graph/node/choice/{}_branch/initializer/w"
    np.testing.assert_array_equal(values(document, step.format("then")), BIG * 2)
    np.testing.assert_array_equal(values(document, step.format("else")), BIG * 3)


def test_tensors_in_model_local_functions(tmp_path: Path) -> None:
    constant = helper.make_node("Constant", [], ["w"], value=big("w"))
    function = helper.make_function(
        "own",
        "Scale",
        ["a"],
        ["b"],
        [constant, helper.make_node("Mul", ["a", "w"], ["b"])],
        [helper.make_opsetid("", 21)],
    )
    call = helper.make_node("Scale", ["x"], ["y"], domain="own")
    document = read(tmp_path, model_of(call, functions=(function,)))
    assert document.payloads["w"].where == ("functions", "Scale", "node", "w", "value")
    np.testing.assert_array_equal(values(document, "w"), BIG)


def test_sparse_tensors_have_values_and_indices(tmp_path: Path) -> None:
    indices = numpy_helper.from_array(np.arange(2000, dtype=np.int64), "")
    stored = helper.make_sparse_tensor(big("w"), indices, [4000])
    constant = helper.make_sparse_tensor(big("", 2), indices, [4000])
    node = helper.make_node("Constant", [], ["c"], sparse_value=constant)
    add = helper.make_node("Add", ["w", "c"], ["y"])
    document = read(tmp_path, model_of(node, add, sparse=(stored,)))
    assert set(document.payloads) == {"w", "w.indices", "c", "c.indices"}
    np.testing.assert_array_equal(values(document, "c"), BIG * 2)
    np.testing.assert_array_equal(values(document, "w.indices", "<i8"), np.arange(2000))


@pytest.mark.parametrize(
    ("field", "data_type", "numbers"),
    [
        ("float_data", TensorProto.FLOAT, BIG),
        ("double_data", TensorProto.DOUBLE, BIG),
        ("int64_data", TensorProto.INT64, np.arange(-2000, 2000)),
        ("int32_data", TensorProto.INT8, np.arange(6000) % 100),
        ("uint64_data", TensorProto.UINT32, np.arange(6000)),
    ],
)
def test_every_field_that_holds_elements(
    tmp_path: Path, field: str, data_type: int, numbers: np.ndarray
) -> None:
    tensor = helper.make_tensor("w", data_type, [len(numbers)], numbers.tolist())
    document = read(tmp_path, model_of(helper.make_node("Neg", ["w"], ["y"]), stored=(tensor,)))
    payload = document.payloads["w"]
    assert (payload.field, payload.dims) == (field, (len(numbers),))
    found = TensorProto()
    data = document.path.read_bytes()[payload.offset : payload.offset + payload.length]
    number = TensorProto.DESCRIPTOR.fields_by_name[field].number
    found.ParseFromString(write_field(number << 3 | 2, data))
    assert list(getattr(found, field)) == numbers.tolist()


def test_small_tensors_stay_whole(tmp_path: Path) -> None:
    shape = numpy_helper.from_array(np.array([2, -1]), "shape")
    document = read(
        tmp_path, model_of(helper.make_node("Reshape", ["x", "shape"], ["y"]), stored=(shape,))
    )
    assert not document.payloads
    assert document.model.graph.initializer[0] == shape


def test_long_rows_of_unpacked_attributes_are_kept(tmp_path: Path) -> None:
    node = helper.make_node(
        "Own", ["x"], ["y"], domain="own", floats=[0.5] * 100_000, ints=list(range(-5, 100_000))
    )
    model = model_of(node)
    document = read(tmp_path, model)
    assert document.model == model


def test_a_file_of_more_than_two_gibibytes_is_read(tmp_path: Path) -> None:
    size = 3 << 30
    tensor = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[size // 4])
    head = tensor.SerializeToString() + b"\x4a" + write_varint(size)
    initializer = b"\x2a" + write_varint(len(head) + size) + head
    rest = model_of(helper.make_node("Neg", ["w"], ["y"])).graph.SerializeToString()
    path = tmp_path / "model.onnx"
    with path.open("wb") as file:
        file.write(b"\x08\x0a\x3a" + write_varint(len(rest) + len(initializer) + size))
        file.write(rest + initializer)
        file.truncate(file.tell() + size)
    document = read_onnx(path)
    assert document.size > 3 << 30
    assert document.payloads["w"].length == size
    assert document.model.graph.node[0].op_type == "Neg"
    assert [each.code for each in document.problems] == ["DEPLOY008"]


def test_only_what_is_needed_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from archlint.sources.byte_file import ByteFile

    read_bytes = 0
    original = ByteFile._read_some

    def counted(self: ByteFile, offset: int, count: int) -> bytes:
        nonlocal read_bytes
        piece = original(self, offset, count)
        read_bytes += len(piece)
        return piece

    monkeypatch.setattr(ByteFile, "_read_some", counted)
    weights = tuple(
        numpy_helper.from_array(np.zeros(1 << 18, np.float32), f"w{index}") for index in range(10)
    )
    nodes = [helper.make_node("Add", ["x", tensor.name], ["y"]) for tensor in weights]
    document = read(tmp_path, model_of(*nodes, stored=weights))
    skeleton = document.model.ByteSize()
    assert len(document.payloads) == 10
    assert read_bytes <= 64 * 1024 * 10 + 2 * skeleton
    assert read_bytes < document.size // 20


def test_the_limits_can_be_widened(tmp_path: Path) -> None:
    model = model_of(helper.make_node("Neg", ["x"], ["y"], doc_string="a" * 100_000))
    path = tmp_path / "model.onnx"
    path.write_bytes(model.SerializeToString())
    assert read_onnx(path, Limits(skeleton=200_000)).model == model
