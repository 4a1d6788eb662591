"""Which stored tensors are parameters, whatever form an exporter gives them."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from archlint.analysis.facts import Facts
from archlint.analysis.parameters.parameters import Parameters
from archlint.graph.build import build_graph
from archlint.graph.dimensions.bindings import Bindings
from archlint.ops.registry import operators
from archlint.target import Target


def parameters(
    nodes: list[onnx.NodeProto],
    stored: dict[str, np.ndarray],
    shape: tuple[int, ...],
    producer: str = "",
) -> Parameters:
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(array, name) for name, array in stored.items()],
    )
    opset = [helper.make_opsetid("", 17)]
    model = helper.make_model(graph, producer_name=producer, opset_imports=opset)
    return Facts(build_graph(model, Bindings()), Target(), operators()).parameters


def test_a_small_quantized_kernel_is_a_parameter_and_its_scale_is_none() -> None:
    nodes = [
        helper.make_node("DequantizeLinear", ["w", "scale", "zero"], ["kernel"]),
        helper.make_node("Conv", ["x", "kernel"], ["y"]),
    ]
    stored = {
        "w": np.ones((2, 3, 3, 3), np.int8),
        "scale": np.float32(0.1),
        "zero": np.int8(0),
    }
    assert parameters(nodes, stored, (1, 3, 8, 8)).count == 54


def test_a_weight_in_a_constant_node_counts_unless_pytorch_wrote_it() -> None:
    held = numpy_helper.from_array(np.ones((4, 3), np.float32))
    nodes = [
        helper.make_node("Constant", [], ["w"], value=held),
        helper.make_node("MatMul", ["x", "w"], ["y"]),
    ]
    assert parameters(nodes, {}, (2, 4)).count == 12


def test_a_learned_token_and_a_scalar_count_in_a_file_of_pytorch() -> None:
    nodes = [
        helper.make_node("Concat", ["cls", "x"], ["joined"], axis=1),
        helper.make_node("Mul", ["joined", "logit_scale"], ["y"]),
    ]
    stored = {"cls": np.ones((2, 1, 4), np.float32), "logit_scale": np.ones((), np.float32)}
    assert parameters(nodes, stored, (2, 5, 4), "pytorch").count == 9
    # Elsewhere nothing tells a number of a formula from a learned one.
    assert parameters(nodes, stored, (2, 5, 4)).count == 0


def test_a_mask_for_all_heads_is_a_buffer() -> None:
    nodes = [
        helper.make_node("Add", ["x", "table"], ["scores"]),
        helper.make_node("Softmax", ["scores"], ["y"]),
    ]
    shared = {"table": np.zeros((1, 1, 6, 6), np.float32)}
    found = parameters(nodes, shared, (2, 3, 6, 6), "pytorch")
    assert (found.count, found.buffer_count) == (0, 36)
    a_head = {"table": np.zeros((1, 3, 6, 6), np.float32)}
    assert parameters(nodes, a_head, (2, 3, 6, 6), "pytorch").count == 108


def test_gates_in_another_order_are_the_same_weights() -> None:
    pieces = [("0", "4", "a"), ("8", "16", "b"), ("4", "8", "c")]
    stored = {name: np.int64([int(name)]) for name in ("0", "4", "8", "16")}
    stored |= {
        "w": np.ones((16, 3), np.float32),
        "r": np.ones((1, 16, 4), np.float32),
        "axes": np.int64([0]),
    }
    nodes = [
        *(helper.make_node("Slice", ["w", start, end, "0"], [out]) for start, end, out in pieces),
        helper.make_node("Concat", ["a", "b", "c"], ["ordered"], axis=0),
        helper.make_node("Unsqueeze", ["ordered", "axes"], ["weight"]),
        helper.make_node("LSTM", ["x", "weight", "r"], ["y"], hidden_size=4),
    ]
    assert parameters(nodes, stored, (5, 2, 3)).count == 48 + 64


def test_a_quantized_weight_that_has_its_name_in_pytorch_is_a_parameter() -> None:
    nodes = [
        helper.make_node("Cast", ["net.table.weight_q"], ["wide"], to=TensorProto.FLOAT),
        helper.make_node("Mul", ["wide", "net.table.scale"], ["table"]),
        helper.make_node("Cast", ["x"], ["words"], to=TensorProto.INT64),
        helper.make_node("Add", ["words", "net.offset"], ["rows"]),
        helper.make_node("Gather", ["table", "rows"], ["y"]),
    ]
    stored = {
        "net.table.weight_q": np.ones((5, 4), np.int8),
        "net.table.scale": np.float32(0.1),
        "net.offset": np.int64(1),
    }
    found = parameters(nodes, stored, (3,), producer="pytorch")
    assert "net.table.weight_q" in found.trainable
    assert "net.offset" not in found.trainable


def test_a_table_that_is_only_compared_gets_no_gradient() -> None:
    # As the causal mask of many GPTs, a buffer `bias` of ones and zeros that is cut to size.
    nodes = [
        helper.make_node("Slice", ["attn.bias", "zero", "three", "zero"], ["cut"]),
        helper.make_node("Equal", ["cut", "none"], ["masked"]),
        helper.make_node("Constant", [], ["/least"], value_float=-1e9),
        helper.make_node("Where", ["masked", "/least", "x"], ["kept"]),
        helper.make_node("Cast", ["attn.spared"], ["spared"], to=TensorProto.BOOL),
        helper.make_node("Where", ["spared", "x", "kept"], ["chosen"]),
        helper.make_node("Add", ["chosen", "attn.shift"], ["y"]),
    ]
    stored: dict[str, np.ndarray] = {
        "attn.bias": np.tril(np.ones((4, 4), np.float32)),
        "attn.spared": np.ones((3, 3), np.float32),
        "attn.shift": np.ones((3, 3), np.float32),
        "zero": np.zeros(1, np.int64),
        "three": np.full(1, 3, np.int64),
        "none": np.float32(0),
    }
    found = parameters(nodes, stored, (3, 3), "pytorch")
    assert set(found.trainable) == {"attn.shift"}
    assert found.count == 9


@pytest.mark.parametrize(
    ("name", "count"),
    [
        ("mean", 0),
        ("stft.forward_basis_buffer", 0),
        ("mel_basis", 0),
        ("norm.pixel_std", 0),
        ("alibi_slopes", 0),
        ("log_std", 3),
        ("prior_mean", 3),
    ],
)
def test_constants_of_pictures_and_positions_are_buffers(name: str, count: int) -> None:
    nodes = [helper.make_node("Sub", ["x", name], ["y"])]
    stored = {name: np.ones((3, 1, 1), np.float32)}
    assert parameters(nodes, stored, (2, 3, 8, 8), "pytorch").count == count
