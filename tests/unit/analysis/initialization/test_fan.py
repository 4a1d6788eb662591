"""Fan-in: the products that are summed for one output element, for every layout of a weight."""

from __future__ import annotations

import numpy as np
import onnxruntime
import pytest
from onnx import ModelProto, TensorProto, helper, numpy_helper

from archlint.analysis.facts import Facts
from archlint.graph.build import build_graph
from archlint.graph.dimensions.bindings import Bindings
from archlint.ops.registry import operators
from archlint.target import Target

CASES = {
    "conv": ("Conv", (1, 6, 9, 9), (4, 6, 3, 3), {}, 54),
    "grouped conv": ("Conv", (1, 6, 9, 9), (4, 3, 3, 3), {"group": 2}, 27),
    "depthwise conv": ("Conv", (1, 6, 9, 9), (6, 1, 3, 3), {"group": 6}, 9),
    "conv in one dimension": ("Conv", (1, 6, 19), (4, 6, 5), {}, 30),
    "transposed conv": (
        "ConvTranspose",
        (1, 6, 9, 9),
        (6, 4, 4, 4),
        {"strides": [2, 2], "pads": [1, 1, 1, 1]},
        24,
    ),
    "grouped transposed conv": (
        "ConvTranspose",
        (1, 6, 9, 9),
        (6, 2, 2, 2),
        {"strides": [2, 2], "group": 2},
        3,
    ),
    "gemm": ("Gemm", (3, 7), (7, 5), {}, 7),
    "gemm with a transposed weight": ("Gemm", (3, 7), (5, 7), {"transB": 1}, 7),
    "matmul": ("MatMul", (2, 3, 7), (7, 5), {}, 7),
    "einsum": ("Einsum", (2, 3, 7), (7, 5), {"equation": "btd,dh->bth"}, 7),
}


def model(
    op: str, data: tuple[int, ...], weight: tuple[int, ...], **attributes: object
) -> ModelProto:
    stored = numpy_helper.from_array(np.ones(weight, np.float32), "w")
    node = helper.make_node(op, ["x", "w"], ["y"], "sum", **attributes)
    graph = helper.make_graph(
        [node],
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, data)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        [stored],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)


@pytest.mark.parametrize("name", CASES)
def test_fan_in_is_the_number_of_products(name: str) -> None:
    op, data, weight, attributes, expected = CASES[name]
    proto = model(op, data, weight, **attributes)
    facts = Facts(build_graph(proto, Bindings(None, {})), Target(), operators())
    (layer,) = facts.initialization.layers
    assert layer.fan.fan_in == expected
    # With ones everywhere an output element counts its own products; in the interior, all of them.
    session = onnxruntime.InferenceSession(proto.SerializeToString())
    (counted,) = session.run(None, {"x": np.ones(data, np.float32)})
    inside = counted[(..., *(slice(3, -3) for _ in data[2:]))] if "Conv" in op else counted
    assert inside.mean() == pytest.approx(expected)


def test_the_left_factor_may_be_the_weight() -> None:
    stored = numpy_helper.from_array(np.ones((5, 7), np.float32), "w")
    node = helper.make_node("MatMul", ["w", "x"], ["y"], "sum")
    graph = helper.make_graph(
        [node],
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, (2, 7, 3))],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        [stored],
    )
    proto = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    facts = Facts(build_graph(proto, Bindings(None, {})), Target(), operators())
    (layer,) = facts.initialization.layers
    assert (layer.fan.fan_in, layer.fan.outputs) == (7, 5)


def test_the_gates_of_a_cell_sum_inputs_and_states() -> None:
    weights = [
        numpy_helper.from_array(np.zeros((1, 32, 5), np.float32), "w"),
        numpy_helper.from_array(np.zeros((1, 32, 8), np.float32), "r"),
    ]
    node = helper.make_node("LSTM", ["x", "w", "r"], ["y"], "cell", hidden_size=8)
    graph = helper.make_graph(
        [node],
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, (4, 1, 5))],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        weights,
    )
    proto = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    facts = Facts(build_graph(proto, Bindings(None, {})), Target(), operators())
    fans = facts.initialization.fans
    assert (fans["w"].fan_in, fans["r"].fan_in) == (5, 8)
