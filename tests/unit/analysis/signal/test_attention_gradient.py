"""The gradient through attention, against PyTorch: see tests/truth/attention_gradients.py."""

from __future__ import annotations

import json
from math import sqrt
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper

from archlint.analysis.facts import Facts
from archlint.analysis.signal.attention import sensitivity
from archlint.engine.stored_numbers import StoredNumbers
from archlint.graph.build import build_graph
from archlint.graph.dimensions.bindings import Bindings
from archlint.ops.effect import Shares
from archlint.ops.registry import operators
from archlint.target import Target

TRUTH = Path(__file__).parents[3] / "truth" / "attention_gradients.json"
MEASURED = json.loads(TRUTH.read_text(encoding="utf-8"))
HEADS, WIDTH = MEASURED["heads"], MEASURED["width"]
# By the deviation of the scores: beyond 1, few positions make up a sum of exponentials.
WITHIN = {0.2: 1.03, 1.0: 1.45, 1.5: 2.3}


def attention(case: dict[str, Any]) -> list[NodeProto]:
    return [helper.make_node("Attention", ["s", "k", "v"], ["y"], is_causal=int(case["causal"]))]


def steps(case: dict[str, Any]) -> list[NodeProto]:
    """Return attention as exporters write it: two products around a softmax."""
    masked = [helper.make_node("Add", ["scaled", "mask"], ["scores"])] if case["causal"] else []
    return [
        helper.make_node("Transpose", ["k"], ["kt"], perm=[0, 1, 3, 2]),
        helper.make_node("MatMul", ["s", "kt"], ["products"]),
        helper.make_node("Mul", ["products", "factor"], ["scaled" if masked else "scores"]),
        *masked,
        helper.make_node("Softmax", ["scores"], ["shares"], axis=-1),
        helper.make_node("MatMul", ["shares", "v"], ["y"]),
    ]


def net(case: dict[str, Any], nodes: list[NodeProto]) -> ModelProto:
    """Return attention with queries, keys and values as inputs; queries are scaled first."""
    length = case["length"]
    shape = (1, HEADS, length, WIDTH)
    numbers = {
        "scale": np.array(case["scale"]),
        "factor": np.array(1 / sqrt(WIDTH)),
        "mask": np.triu(np.full((length, length), -1e9), 1),
    }
    graph = helper.make_graph(
        [helper.make_node("Mul", ["q", "scale"], ["s"]), *nodes],
        "attention",
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name in "qkv"],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, shape)],
        [numpy_helper.from_array(each.astype("f4"), name) for name, each in numbers.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 23)], ir_version=11)


def gradients(model: ModelProto) -> dict[str, float]:
    graph = build_graph(model, Bindings(None, {}))
    facts = Facts(graph, Target(), operators(), StoredNumbers(Path("net.onnx"), model, {}))
    return dict(facts.gradient_signal.second_moments)


@pytest.mark.parametrize(
    "case", MEASURED["attention"], ids=lambda c: "-".join(map(str, c.values()))
)
@pytest.mark.parametrize("form", [attention, steps])
def test_the_gradient_of_queries_keys_and_values(case: dict[str, Any], form: Any) -> None:
    found = gradients(net(case, form(case)))
    for name in "qkv":
        assert 1 / WITHIN[case["scale"]] < found[name] / case[name] < WITHIN[case["scale"]]


@given(scores=st.floats(0, 1e3), length=st.integers(1, 2000), causal=st.booleans())
def test_a_softmax_weakens_a_gradient(scores: float, length: int, causal: bool) -> None:
    found = sensitivity(scores, Shares(length, causal))
    assert 0 <= found <= 1 / length


@pytest.mark.parametrize("length", [1, 2, 10, 1000])
def test_equal_shares_have_the_derivative_of_a_softmax_at_rest(length: int) -> None:
    # diag(p) - p p^T at p = 1/T: a row has the squares p^2 (1 - p)^2 + (T - 1) p^4 = p^2 (1 - p).
    assert sensitivity(0.0, Shares(length)) == pytest.approx((1 - 1 / length) / length**2)


def test_a_tensor_of_unknown_signal_has_an_unknown_gradient() -> None:
    """A normalization makes a known signal of it; what is before it is not without a gradient."""
    nodes = [
        helper.make_node("Relu", ["x"], ["before"]),
        helper.make_node("Det", ["before"], ["unknown"]),
        helper.make_node("Mul", ["x", "unknown"], ["product"]),
        helper.make_node("LayerNormalization", ["product", "gain"], ["y"]),
    ]
    shape = (4, 4)
    graph = helper.make_graph(
        nodes,
        "net",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, shape)],
        [numpy_helper.from_array(np.ones(4, "f4"), "gain")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 22)], ir_version=10)
    assert set(gradients(model)) == {"y"}
