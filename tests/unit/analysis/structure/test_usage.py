"""What no output depends on: all of it where that is little, and the nearest where it is much."""

from __future__ import annotations

from itertools import pairwise

import onnx
import pytest
from onnx import TensorProto, helper

from archlint.analysis.structure.usage import Usage
from archlint.graph.build import build_graph
from archlint.graph.dimensions.bindings import Bindings


def dead_chain(length: int) -> onnx.ModelProto:
    """Return a model of one live node, and a chain that ends in nothing."""
    names = ["x", *(f"dead{step}" for step in range(length))]
    nodes = [
        helper.make_node("Relu", [before], [after], name=after) for before, after in pairwise(names)
    ]
    nodes.append(helper.make_node("Neg", ["x"], ["y"], name="alive"))
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [2]) for name in "xy"]
    return helper.make_model(helper.make_graph(nodes, "g", ends[:1], ends[1:]))


@pytest.mark.parametrize(("length", "told"), [(1, 0), (5, 4), (50, 49)])
def test_every_node_before_a_dead_end_is_named(length: int, told: int) -> None:
    (end,) = Usage(build_graph(dead_chain(length))).dead_ends
    assert (end.node.name, len(end.feeding), end.all) == (f"dead{length - 1}", told, True)


def test_only_the_nearest_of_very_many_nodes_are_named() -> None:
    (end,) = Usage(build_graph(dead_chain(500))).dead_ends
    assert not end.all
    assert {f"dead{step}" for step in range(450, 499)} <= end.feeding
    assert len(end.feeding) < 499


def reshaped(*, stored: bool) -> onnx.ModelProto:
    """Return a model that flattens a batch of 1, with the sizes stored or made by a Constant."""
    sizes = helper.make_tensor("sizes", TensorProto.INT64, [2], [1, 4])
    made = [] if stored else [helper.make_node("Constant", [], ["sizes"], name="c", value=sizes)]
    nodes = [*made, helper.make_node("Reshape", ["x", "sizes"], ["y"], name="flat")]
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 2, 2])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 4])
    graph = helper.make_graph(nodes, "g", [x], [y], [sizes] if stored else [])
    return helper.make_model(graph)


@pytest.mark.parametrize("stored", [True, False])
def test_sizes_that_another_batch_replaces_are_used(stored: bool) -> None:
    graph = build_graph(reshaped(stored=stored), Bindings(16))
    assert graph.values["y"].shape == (16, 4)
    usage = Usage(graph)
    assert usage.unused_weights == ()
    assert usage.dead_ends == ()
