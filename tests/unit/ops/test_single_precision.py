"""Doubles in a network of floats: made up by an exporter, or meant by the program."""

from __future__ import annotations

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

from archlint.graph.build import build_graph
from archlint.graph.dtype import DType
from archlint.ops.restored.single_precision import with_single_precision


def noisy(*, producer: str = "pytorch", given: int = TensorProto.FLOAT, casts_weight: bool = True):
    """As `layer(x + x.new_empty(2, 3).normal_())` is exported."""
    noise = numpy_helper.from_array(np.zeros((2, 3)), "like")
    double = {"to": TensorProto.DOUBLE}
    weight = [helper.make_node("Cast", ["w"], ["v"], **double)] if casts_weight else []
    nodes = [
        helper.make_node("Constant", [], ["like"], value=noise),
        helper.make_node("RandomNormalLike", ["like"], ["noise"]),
        helper.make_node("Cast", ["x"], ["c"], **double),
        helper.make_node("Add", ["c", "noise"], ["h"]),
        *weight,
        helper.make_node("MatMul", ["h", "v" if casts_weight else "w"], ["y"]),
    ]
    kind = TensorProto.FLOAT if casts_weight else TensorProto.DOUBLE
    stored = helper.make_tensor("w", kind, [3, 3], np.ones(9))
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("x", given, [2, 3])],
        [helper.make_tensor_value_info("y", TensorProto.DOUBLE, [2, 3])],
        [stored],
    )
    opset = [helper.make_opsetid("", 17)]
    return build_graph(helper.make_model(graph, opset_imports=opset, producer_name=producer))


def test_doubles_of_the_exporter_become_floats():
    values = with_single_precision(noisy()).values

    assert {value.dtype for value in values.values()} == {DType.FLOAT32}


@pytest.mark.parametrize(
    "graph",
    [noisy(producer="tf2onnx"), noisy(given=TensorProto.DOUBLE), noisy(casts_weight=False)],
)
def test_doubles_of_the_program_stay(graph):
    assert with_single_precision(graph) is graph
