"""What TorchScript writes as a literal for each use: a buffer outside of the state dictionary."""

from __future__ import annotations

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

from archlint.analysis.facts import Facts
from archlint.graph.build import build_graph
from archlint.ops.registry import operators
from archlint.target import Target

ROWS, WIDTH = 5, 12
VARIED = np.random.default_rng(0).normal(size=(ROWS, WIDTH)).astype(np.float32)


@pytest.mark.parametrize(
    ("literals", "kept"),
    [
        ((VARIED, VARIED, VARIED), 1),
        ((VARIED, VARIED + 1, VARIED), 2),
        ((np.zeros_like(VARIED), np.zeros_like(VARIED)), 2),  # made for each use
    ],
)
def test_literals_of_the_same_numbers_are_saved_once(
    literals: tuple[np.ndarray, ...], kept: int
) -> None:
    weight = numpy_helper.from_array(np.ones((WIDTH, WIDTH), np.float32), "weight")
    nodes, last = [helper.make_node("MatMul", ["x", "weight"], ["h"])], "h"
    for at, numbers in enumerate(literals):
        literal = numpy_helper.from_array(numbers)
        nodes += [
            helper.make_node("Constant", [], [f"/Constant_{at}_output_0"], value=literal),
            helper.make_node("Mul", [last, f"/Constant_{at}_output_0"], [f"y{at}"]),
        ]
        last = f"y{at}"
    ends = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, (ROWS, WIDTH))
        for name in ("x", last)
    ]
    graph = helper.make_graph(nodes, "g", ends[:1], ends[1:], [weight])
    opset = [helper.make_opsetid("", 17)]
    model = helper.make_model(graph, opset_imports=opset, producer_name="pytorch")

    facts = Facts(build_graph(model), Target(), operators())

    assert facts.saved.total.value == 4 * ROWS * WIDTH * (1 + kept)
