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


def facts(
    before: str,
    *,
    slope: float = 0.2,
    activation: str = "LeakyRelu",
    in_place: bool | None = None,
) -> Facts:
    # The second convolution keeps its input in any case; the first one keeps x.
    nodes = [
        helper.make_node("Conv", ["x", "a"], ["mapped"]),
        helper.make_node(before, ["mapped"], ["before"]),
        helper.make_node(activation, ["before"], ["leaky"], alpha=slope),
        helper.make_node("Conv", ["leaky", "a"], ["y"]),
    ]
    if before == "Conv":
        nodes[1] = helper.make_node("Conv", ["mapped", "a"], ["before"])
    ends = [helper.make_tensor_value_info(n, TensorProto.FLOAT, [2, 8, 5, 5]) for n in "xy"]
    weight = numpy_helper.from_array(np.zeros((8, 8, 1, 1), np.float32), "a")
    graph = helper.make_graph(nodes, "g", ends[:1], ends[1:], [weight])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    training = Training("sgd", batch_norm="present", dropout="present", in_place=in_place)
    target = Target(training=training)
    return Facts(build_graph(model, Bindings(None, {})), target, operators())


@pytest.mark.parametrize("slope", [0.01, 0.1, 0.2])
def test_both_ways_after_a_convolution(slope: float) -> None:
    # PyTorch 2.13: 6400 bytes more for nn.LeakyReLU(slope) than with inplace=True.
    found = facts("Conv", slope=slope)
    assert (found.saved.total.low, found.saved.total.high) == (3 * MAP, 4 * MAP)
    assert found.training_memory.peak.low < found.training_memory.peak.high
    assert "in place" in (found.training_note or "")


@pytest.mark.parametrize("activation", ["LeakyRelu", "Elu", "Celu"])
@pytest.mark.parametrize(("in_place", "maps"), [(True, 3), (False, 4)])
def test_one_way_where_it_is_said(activation: str, maps: int, *, in_place: bool) -> None:
    # PyTorch 2.13: inplace=True keeps a map less, of LeakyReLU, ELU, CELU and SELU alike.
    found = facts("Conv", activation=activation, in_place=in_place)
    assert found.saved.total.value == maps * MAP
    assert found.training_note is None


def test_an_elu_makes_a_new_tensor_where_nothing_is_said() -> None:
    assert facts("Conv", activation="Elu").saved.total.value == 4 * MAP


def test_what_is_needed_is_not_written_over() -> None:
    # A sigmoid keeps its output: PyTorch refuses to differentiate after a write over it.
    saved = facts("Sigmoid").saved.total
    assert saved.value == 3 * MAP
