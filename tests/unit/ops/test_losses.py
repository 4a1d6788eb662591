"""What losses inside of a model keep, by the form that exporters give them."""

from __future__ import annotations

import numpy as np
import pytest
from onnx import NodeProto, TensorProto, helper, numpy_helper

from archlint.analysis.facts import Facts
from archlint.graph.build import build_graph
from archlint.ops.registry import operators
from archlint.target import Target, Training

ROWS = 4 * 6 * 5  # bytes of a tensor of (6, 5)


def saved(loss: list[NodeProto], shape: list[int]) -> int | None:
    """Return what is kept of a loss of u = x @ a and v = x @ b beside x."""
    weights = [numpy_helper.from_array(np.zeros((5, 5), np.float32), name) for name in "ab"]
    products = [helper.make_node("MatMul", ["x", name], [out]) for name, out in ("au", "bv")]
    graph = helper.make_graph(
        [*products, *loss],
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [6, 5])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, shape)],
        weights,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    facts = Facts(build_graph(model), Target(training=Training("sgd", loss="none")), operators())
    total = facts.saved.total.value
    return None if total is None else total - ROWS


def difference(name: str) -> NodeProto:
    return helper.make_node("Sub", ["u", "v"], [name])


@pytest.mark.parametrize("reduction", ["ReduceMean", "ReduceSum"])
def test_a_squared_error_saves_both_inputs(reduction: str) -> None:
    # PyTorch 2.13: functional.mse_loss(u, v) keeps u and v, ((u - v) * (u - v)).mean() u - v twice,
    # and d * d of d = u - v keeps d.
    ends = [
        helper.make_node("Mul", ["d", "e"], ["s"]),
        helper.make_node(reduction, ["s"], ["y"], keepdims=0),
    ]
    assert saved([difference("d"), difference("e"), *ends], []) == 2 * ROWS
    ends[0] = helper.make_node("Mul", ["d", "d"], ["s"])
    assert saved([difference("d"), *ends], []) == ROWS


def test_a_squared_error_of_each_element() -> None:
    # PyTorch 2.13: mse_loss(u, v, reduction="none") keeps u and v.
    square = helper.make_node("Mul", ["d", "e"], ["y"])
    assert saved([difference("d"), difference("e"), square], [6, 5]) == 2 * ROWS
