"""What a leaky ReLU keeps: its input, or its output where it is computed in place."""

from __future__ import annotations

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

from archlint.analysis.facts import Facts
from archlint.graph.bindings import Bindings
from archlint.graph.build import build_graph
from archlint.ops.registry import operators
from archlint.target import Target, Training

MAP = 4 * 2 * 8 * 5 * 5  # bytes of a map of 8 channels


@pytest.mark.parametrize(("slope", "maps"), [(0.01, 2), (0.1, 1), (0.2, 1), (0.3, 2)])
def test_a_leaky_relu_after_a_convolution(slope: float, maps: int) -> None:
    # The input of the second convolution is kept in any case, and x, which the first one reads.
    nodes = [
        helper.make_node("Conv", ["x", "a"], ["first"]),
        helper.make_node("LeakyRelu", ["first"], ["leaky"], alpha=slope),
        helper.make_node("Conv", ["leaky", "a"], ["y"]),
    ]
    ends = [helper.make_tensor_value_info(n, TensorProto.FLOAT, [2, 8, 5, 5]) for n in "xy"]
    weight = numpy_helper.from_array(np.zeros((8, 8, 1, 1), np.float32), "a")
    graph = helper.make_graph(nodes, "g", ends[:1], ends[1:], [weight])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    target = Target(training=Training("sgd", batch_norm="present", dropout="present"))
    saved = Facts(build_graph(model, Bindings(None, {})), target, operators()).saved.total
    assert saved.high == (maps + 1) * MAP
