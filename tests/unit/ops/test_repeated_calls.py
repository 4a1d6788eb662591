"""One computation that TorchScript's exporter kept for several modules that each made it."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from onnx import NodeProto, TensorProto, helper, numpy_helper

from archlint.graph.build import build_graph
from archlint.graph.graph import Graph
from archlint.graph.program.modules import module_path
from archlint.ops.restored.repeated_calls import with_own_calls


def node(op: str, inputs: list[str], output: str, name: str) -> NodeProto:
    return helper.make_node(op, inputs, [output], name=name)


def restored(nodes: list[NodeProto], producer: str = "pytorch") -> Graph:
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [2, 3]) for name in "xy"]
    stored = [
        numpy_helper.from_array(np.ones((3, 3), np.float32), name)
        for name in ("blocks.0.w", "blocks.1.w")
    ]
    graph = helper.make_graph(nodes, "g", ends[:1], ends[1:], stored)
    opset = [helper.make_opsetid("", 17)]
    model = helper.make_model(graph, opset_imports=opset, producer_name=producer)
    return with_own_calls(build_graph(model))


def blocks(*shared: NodeProto, read: str, first: str = "fc", second: str = "fc") -> list[NodeProto]:
    """Two blocks of one layer each, of which the second reads what was made in the first."""
    return [
        *shared,
        node("MatMul", [read, "blocks.0.w"], "a", f"/blocks.0/{first}/MatMul"),
        node("MatMul", [read, "blocks.1.w"], "b", f"/blocks.1/{second}/MatMul"),
        node("Add", ["a", "b"], "y", "/Add"),
    ]


def test_each_block_has_its_own_activation() -> None:
    swish = (
        node("Sigmoid", ["x"], "s", "/blocks.0/act/Sigmoid"),
        node("Mul", ["x", "s"], "h", "/blocks.0/act/Mul"),
    )

    graph = restored(blocks(*swish, read="h"))

    assert Counter(each.op for each in graph.nodes)["Mul"] == 2
    products = [each for each in graph.nodes if each.op == "MatMul"]
    makers = [graph.producers[each.inputs[0]] for each in products]
    assert makers[0] is not makers[1]
    assert [module_path(maker) for maker in makers] == [
        ("blocks", "0", "act"),
        ("blocks", "1", "act"),
    ]
    order = {each.name: place for place, each in enumerate(graph.nodes)}
    for each in graph.nodes:
        sources = [graph.producers[name] for name in each.inputs if name in graph.producers]
        assert all(order[source.name] < order[each.name] for source in sources)


@pytest.mark.parametrize(
    "nodes",
    [
        # What has a weight was made once, or its block would have one too.
        blocks(node("MatMul", ["x", "blocks.0.w"], "h", "/blocks.0/in/MatMul"), read="h"),
        # What is random is never merged.
        blocks(node("RandomNormalLike", ["x"], "h", "/blocks.0/RandomNormalLike"), read="h"),
        # The network itself made it, for both.
        blocks(node("Relu", ["x"], "h", "/act/Relu"), read="h"),
        # It is read in different places: the first block hands it on.
        blocks(node("Relu", ["x"], "h", "/blocks.0/act/Relu"), read="h", second="out"),
    ],
)
def test_a_result_that_may_be_passed_between_blocks_is_computed_once(
    nodes: list[NodeProto],
) -> None:
    assert [each.name for each in restored(nodes).nodes] == [each.name for each in nodes]


def test_other_exporters_merge_nothing() -> None:
    nodes = blocks(node("Relu", ["x"], "h", "/blocks.0/act/Relu"), read="h")

    assert len(restored(nodes, "tf2onnx").nodes) == len(nodes)
