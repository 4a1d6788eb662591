"""What distances between points keep, in the form that TorchScript gives them."""

from __future__ import annotations

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

from archlint.analysis.facts import Facts
from archlint.graph.build import build_graph
from archlint.ops.registry import operators
from archlint.target import Target, Training


@pytest.mark.parametrize(("by_hand", "kept"), [(False, 26624), (True, 141312)])
def test_distances_save_the_points_and_the_result(kept: int, *, by_hand: bool) -> None:
    # PyTorch 2.13: torch.cdist(x @ a, x @ b) of 2 x 16 points in 64 dimensions, and
    # ((u[:, :, None] - v[:, None]) ** 2).sum(-1) ** 0.5, which keeps all differences.
    stored: dict[str, np.ndarray] = {
        "a": np.zeros((64, 64), np.float32),
        "b": np.zeros((64, 64), np.float32),
        "first": np.array([1], np.int64),
        "second": np.array([2], np.int64),
        "last": np.array([-1], np.int64),
    }
    written: dict[str, float] = {"two": 2.0, "one": 1.0, "none": 0.0, "half": 0.5}
    nodes = [
        helper.make_node("MatMul", ["x", "a"], ["u"]),
        helper.make_node("MatMul", ["x", "b"], ["v"]),
        *(helper.make_node("Constant", [], [name], value_float=n) for name, n in written.items()),
        helper.make_node("Add", ["two", "none"], ["order"]),
        helper.make_node("Div", ["one", "order"], ["root"]),
        helper.make_node("Unsqueeze", ["u", "second"], ["rows"]),
        helper.make_node("Unsqueeze", ["v", "first"], ["columns"]),
        helper.make_node("Sub", ["rows", "columns"], ["away"]),
        helper.make_node("Pow", ["away", "two"], ["squares"]),
        helper.make_node("ReduceSum", ["squares", "last"], ["sums"], keepdims=0),
        helper.make_node("Pow", ["sums", "half" if by_hand else "root"], ["y"]),
    ]
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [2, 16, 64])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [2, 16, 16])],
        [numpy_helper.from_array(array, name) for name, array in stored.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    facts = Facts(build_graph(model), Target(training=Training("sgd", loss="none")), operators())
    assert facts.saved.total.value == kept
