"""Changes to a graph that are made all at once: order, what is stored, and what stays."""

from __future__ import annotations

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

from archlint.graph.build import build_graph
from archlint.graph.graph import Graph
from archlint.graph.node import Node
from archlint.graph.value import Provenance, Role, Value
from archlint.ops.restored.graph_edit import GraphEdit


@pytest.fixture
def graph() -> Graph:
    nodes = [
        helper.make_node("MatMul", ["x", "w"], ["h"], name="product"),
        helper.make_node("Relu", ["h"], ["y"], name="relu"),
    ]
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [2, 3]) for name in "xy"]
    weight = numpy_helper.from_array(np.ones((3, 3), np.float32), "w")
    return build_graph(
        helper.make_model(helper.make_graph(nodes, "g", ends[:1], ends[1:], [weight]))
    )


def test_without_changes_the_graph_is_the_same(graph: Graph) -> None:
    assert GraphEdit(graph).edited() is graph


def test_a_weight_that_is_computed_is_a_weight_no_more(graph: Graph) -> None:
    edit, (product, _) = GraphEdit(graph), graph.nodes
    edit.store(Value("v", graph.values["w"].dtype, (3, 3), Role.STORED, Provenance.INFERRED))
    edit.compute(Node("turn", "Transpose", "", ("v",), ("w",), {}, {}), "w", product)
    found = edit.edited()

    assert [node.name for node in found.nodes] == ["turn", "product", "relu"]
    assert list(found.weights) == ["v"]
    assert found.values["w"].role is Role.COMPUTED
    assert graph.values["w"].role is Role.STORED


def test_a_copy_computes_with_tensors_of_its_own(graph: Graph) -> None:
    edit, (product, relu) = GraphEdit(graph), graph.nodes
    edit.copy(product, {"h": "h#again"}, relu, "again", {})
    edit.read_instead(relu, "h", "h#again")
    edit.set_attributes(relu, {"seen": 1})
    *_, again, changed = edit.edited().nodes

    assert (again.name, again.inputs, again.outputs) == ("product#again", ("x", "w"), ("h#again",))
    assert (changed.inputs, changed.attributes) == (("h#again",), {"seen": 1})
    assert edit.edited().values["h#again"].shape == (2, 3)
    assert relu.inputs == ("h",)


def test_what_is_put_before_a_removed_node_stays(graph: Graph) -> None:
    edit, (_, relu) = GraphEdit(graph), graph.nodes
    edit.insert(Node("tanh", "Tanh", "", ("h",), ("y",), {}, {}), relu)
    edit.removed.add("relu")

    assert [node.name for node in edit.edited().nodes] == ["product", "tanh"]
