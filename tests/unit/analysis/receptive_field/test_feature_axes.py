"""Axes that a weight sums over hold features: nothing is seen along them."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from archlint.analysis.receptive_field.receptive_fields import ReceptiveFields
from archlint.graph.build import build_graph
from archlint.ops.registry import operators

STEPS, WIDTH, UNITS = 5, 4, 3


def values(*pairs: tuple[str, list[int]]) -> list[onnx.ValueInfoProto]:
    return [helper.make_tensor_value_info(name, TensorProto.FLOAT, dims) for name, dims in pairs]


def weights(gates: int) -> list[onnx.TensorProto]:
    random = np.random.default_rng(0)
    shapes = {"w": (1, gates * UNITS, WIDTH), "r": (1, gates * UNITS, UNITS)}
    return [
        numpy_helper.from_array(random.normal(size=shape).astype("f"), name)
        for name, shape in shapes.items()
    ]


def extents(
    nodes: list[onnx.NodeProto],
    inputs: list[onnx.ValueInfoProto],
    stored: list[onnx.TensorProto] | None = None,
) -> set[tuple[str, int]]:
    """Return the axes of the inputs that span space or time."""
    graph = helper.make_graph(nodes, "net", inputs, values(("y", [])), stored or [])
    graph.output[0].type.tensor_type.ClearField("shape")
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)])
    fields = ReceptiveFields(build_graph(model), operators())
    return {(extent.input, extent.axis) for extent in fields.extents}


@pytest.mark.parametrize(("op", "gates"), [("LSTM", 4), ("GRU", 3), ("RNN", 1)])
def test_a_given_state_of_a_recurrent_layer_has_features_and_no_extent(op: str, gates: int) -> None:
    inputs = values(("x", [STEPS, 2, WIDTH]), ("h", [1, 2, UNITS]))
    node = helper.make_node(op, ["x", "w", "r", "", "", "h"], ["y"], hidden_size=UNITS)

    found = extents([node], inputs, weights(gates))

    assert ("x", 0) in found  # time
    assert ("x", 2) not in found
    assert ("h", 2) not in found


def test_what_two_inputs_multiply_is_no_weight_even_in_a_branch() -> None:
    """Scores of all places against all others sum over an axis that no weight is for."""
    shape = [2, STEPS, STEPS]
    branches = [
        helper.make_graph(
            [
                helper.make_node("Identity", ["a"], [f"first_{name}"]),
                helper.make_node(op, [f"first_{name}", "b"], [f"end_{name}"]),
            ],
            name,
            [],
            values((f"end_{name}", shape)),
        )
        for name, op in (("then", "MatMul"), ("else", "Add"))
    ]
    flag = helper.make_tensor_value_info("flag", TensorProto.BOOL, [])
    node = helper.make_node("If", ["flag"], ["y"], then_branch=branches[0], else_branch=branches[1])
    product = helper.make_node("MatMul", ["a", "b"], ["y"])

    inside = extents([node], [flag, *values(("a", shape), ("b", shape))])

    assert inside == extents([product], values(("a", shape), ("b", shape)))
