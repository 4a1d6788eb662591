"""What a leaky ReLU keeps: its input, or its output alone where it is computed in place."""

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


def facts(before: str, slope: float = 0.2) -> Facts:
    # The second convolution keeps its input in any case; the first one keeps x.
    nodes = [
        helper.make_node("Conv", ["x", "a"], ["mapped"]),
        helper.make_node(before, ["mapped"], ["before"]),
        helper.make_node("LeakyRelu", ["before"], ["leaky"], alpha=slope),
        helper.make_node("Conv", ["leaky", "a"], ["y"]),
    ]
    if before == "Conv":
        nodes[1] = helper.make_node("Conv", ["mapped", "a"], ["before"])
    ends = [helper.make_tensor_value_info(n, TensorProto.FLOAT, [2, 8, 5, 5]) for n in "xy"]
    weight = numpy_helper.from_array(np.zeros((8, 8, 1, 1), np.float32), "a")
    graph = helper.make_graph(nodes, "g", ends[:1], ends[1:], [weight])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    target = Target(training=Training("sgd", batch_norm="present", dropout="present"))
    return Facts(build_graph(model, Bindings(None, {})), target, operators())


@pytest.mark.parametrize("slope", [0.01, 0.1, 0.2])
def test_both_ways_after_a_convolution(slope: float) -> None:
    # PyTorch 2.13: 6400 bytes more for nn.LeakyReLU(slope) than with inplace=True.
    found = facts("Conv", slope)
    assert (found.saved.total.low, found.saved.total.high) == (3 * MAP, 4 * MAP)
    assert found.training_memory.peak.low < found.training_memory.peak.high
    assert "in place" in (found.training_note or "")


def test_what_is_needed_is_not_written_over() -> None:
    # A sigmoid keeps its output: PyTorch refuses to differentiate after a write over it.
    saved = facts("Sigmoid").saved.total
    assert saved.value == 3 * MAP
