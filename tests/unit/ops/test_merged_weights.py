"""Equal weights that the older exporter of PyTorch keeps once: of one module, or of several."""

from __future__ import annotations

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

from archlint.graph.build import build_graph
from archlint.ops.restored.merged_weights import separated


@pytest.mark.parametrize(
    ("calls", "kept"),
    [
        (("/layer/fc", "/layer/fc_1"), 1),  # PyTorch's names for two calls of one module
        (("/block/layer/fc", "/block_1/layer/fc"), 1),
        (("/layers.0/fc", "/layers.1/fc"), 2),  # a layer that began as a copy of the other
    ],
)
def test_a_transposed_weight_belongs_to_its_module(calls: tuple[str, str], kept: int) -> None:
    nodes = [
        helper.make_node("Identity", ["onnx::MatMul_7"], ["onnx::MatMul_9"], name="Identity_1"),
        helper.make_node("MatMul", ["x", "onnx::MatMul_7"], ["h"], name=f"{calls[0]}/MatMul"),
        helper.make_node("MatMul", ["h", "onnx::MatMul_9"], ["y"], name=f"{calls[1]}/MatMul"),
    ]
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [2, 3]) for name in "xy"]
    weight = numpy_helper.from_array(np.ones((3, 3), np.float32), "onnx::MatMul_7")
    graph = helper.make_graph(nodes, "g", ends[:1], ends[1:], [weight])
    opset = [helper.make_opsetid("", 17)]
    model = helper.make_model(graph, opset_imports=opset, producer_name="pytorch")

    assert len(separated(build_graph(model)).weights) == kept
