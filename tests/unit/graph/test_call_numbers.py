"""Which call of a module a node is part of, by the names of TorchScript's exporter."""

from __future__ import annotations

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

from archlint.graph.build import build_graph
from archlint.graph.program.call_numbers import CallNumbers

NAMES = (
    "/attention/key/MatMul",
    "/attention/query/MatMul",
    "/attention/Add",
    "/attention/query_1/MatMul",
    "/attention_1/Add",
    "/layers/layers.0/MatMul",
    "/layers/layers.0_1/MatMul",
    "/layers/layers.1/Tanh",
    "/layers/layers.1_1/Tanh",
    "/block/MatMul",
    "/block_1/MatMul",
    "/Add",
)


@pytest.fixture(scope="module")
def numbers() -> CallNumbers:
    nodes = [
        helper.make_node("Relu", [f"x{place - 1}" if place else "x"], [f"x{place}"], name)
        for place, name in enumerate(NAMES)
    ]
    ends = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, [2])
        for name in ("x", f"x{len(NAMES) - 1}")
    ]
    weight = numpy_helper.from_array(np.ones(2, np.float32), "block_1.weight")
    graph = helper.make_graph(nodes, "g", ends[:1], ends[1:], [weight])
    opset = [helper.make_opsetid("", 17)]
    model = helper.make_model(graph, opset_imports=opset, producer_name="pytorch")
    return CallNumbers(build_graph(model))


@pytest.mark.parametrize(
    ("name", "module", "number"),
    [
        ("/attention_1/Add", "/attention", 1),
        ("/attention/query_1/MatMul", "/attention/query", 1),
        ("/attention/query_1/MatMul", "/attention", 1),  # both ran twice
        ("/attention/key/MatMul", "/attention", None),  # in one of them alone
        ("/layers/layers.1_1/Tanh", "/layers", 1),
        ("/block_1/MatMul", "/block_1", 0),  # it has weights of its own
        ("/block_1/MatMul", "/block", None),
        ("/Add", "/attention", None),
        ("/attention/Add", "/attention/key", None),
    ],
)
def test_a_name_tells_the_call_that_a_node_ran_in(
    numbers: CallNumbers, name: str, module: str, number: int | None
) -> None:
    assert numbers.number(numbers.graph.by_name[name], module) == number


@pytest.mark.parametrize(
    ("module", "times"),
    [("/attention", 2), ("/attention/key", 1), ("/layers", 2), ("/other", None)],
)
def test_how_often_a_module_was_called(
    numbers: CallNumbers, module: str, times: int | None
) -> None:
    assert numbers.times(module) == times
