"""A branch inside a branch uses tensors of the graph around both."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from archlint.analysis.facts import Facts
from archlint.graph.build import build_graph
from archlint.ops.registry import operators
from archlint.target import Target, Training

SHAPE = [1, 2, 32]


def branch(name: str, nodes: list[onnx.NodeProto]) -> onnx.GraphProto:
    end = helper.make_tensor_value_info(nodes[-1].output[0], TensorProto.FLOAT, SHAPE)
    return helper.make_graph(nodes, name, [], [end])


def choice(output: str, yes: onnx.NodeProto, no: onnx.NodeProto) -> onnx.NodeProto:
    return helper.make_node(
        "If", ["flag"], [output], name=output,
        then_branch=branch(f"{output}_then", [yes]), else_branch=branch(f"{output}_else", [no]),
    )  # fmt: skip


def facts(depth: int) -> Facts:
    """Return those of a convolution of 5, and another one of 5 so many branches deep."""
    made = helper.make_node("Conv", ["h", "w"], ["inner"], pads=[2, 2])
    for level in range(depth):
        made = choice(f"y{level}", made, helper.make_node("Relu", ["h"], [f"relu{level}"]))
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["made"], pads=[2, 2]),
        helper.make_node("Tanh", ["made"], ["h"]),
        made,
        helper.make_node("Identity", [made.output[0]], ["y"]),
    ]
    inputs = [
        helper.make_tensor_value_info("x", TensorProto.FLOAT, SHAPE),
        helper.make_tensor_value_info("flag", TensorProto.BOOL, []),
    ]
    output = helper.make_tensor_value_info("y", TensorProto.FLOAT, SHAPE)
    weight = numpy_helper.from_array(np.full((2, 2, 5), 0.3, np.float32), "w")
    graph = helper.make_graph(nodes, "g", inputs, [output], [weight])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    return Facts(build_graph(model), Target(training=Training("sgd")), operators())


@pytest.mark.parametrize("depth", [1, 2, 3])
def test_the_field_goes_through_all_branches(depth: int) -> None:
    fields = facts(depth).receptive_fields
    found = [fields.of("y", each) for each in fields.extents if each.input == "x"]
    assert [field.size for field in found] == [(9, 9)]


@pytest.mark.parametrize("depth", [1, 2, 3])
def test_gradients_come_back_through_all_branches(depth: int) -> None:
    found = facts(depth)
    assert found.training_memory.gradient_bytes == 4 * 2 * 2 * 5
    assert found.saved.total.unknown
    low = found.compute.training_flops.low
    assert low == facts(1).compute.training_flops.low > 0
