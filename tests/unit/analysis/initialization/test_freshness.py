"""What tells fresh weights from trained ones, and what does not."""

from __future__ import annotations

from itertools import pairwise
from math import sqrt
from pathlib import Path

import numpy as np
import pytest
from onnx import ModelProto, TensorProto, helper, numpy_helper

from archlint.analysis.facts import Facts
from archlint.engine.stored_numbers import StoredNumbers
from archlint.graph.build import build_graph
from archlint.graph.dimensions.bindings import Bindings
from archlint.ops.registry import operators
from archlint.target import Target

D = 128
FX = "pkg.torch.onnx.fx_node"


def is_fresh(model: ModelProto) -> bool | None:
    graph = build_graph(model, Bindings(None, {}))
    facts = Facts(graph, Target(), operators(), StoredNumbers(Path("net.onnx"), model, {}))
    return facts.initialization.freshness.is_fresh


def net(weight: np.ndarray, bias: np.ndarray | None, said: str = "") -> ModelProto:
    """Return a product with a weight, and the addition of a bias, with what an exporter says."""
    product = helper.make_node("MatMul", ["x", "w"], ["p" if bias is not None else "y"], "product")
    nodes, stored = [product], [numpy_helper.from_array(weight.astype("f4"), "w")]
    if bias is not None:
        nodes.append(helper.make_node("Add", ["p", "b"], ["y"]))
        stored.append(numpy_helper.from_array(bias.astype("f4"), "b"))
    if said:
        entry = product.metadata_props.add()
        entry.key, entry.value = FX, said
    graph = helper.make_graph(
        nodes,
        "net",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, (4, D))],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, (4, D))],
        stored,
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)


def uniform(bound: float) -> np.ndarray:
    return np.random.default_rng(0).uniform(-bound, bound, (D, D))


def normal(sigma: float) -> np.ndarray:
    return np.random.default_rng(0).normal(0, sigma, (D, D))


LINEAR = (
    "%linear : [num_users=1] = call_function[target=torch.ops.aten.linear.default]"
    "(args = (%x, {}), kwargs = {{}})"
)


@pytest.mark.parametrize("bound", [1 / sqrt(D), sqrt(3 / D)], ids=["PyTorch", "Keras"])
def test_a_default_that_is_filled_to_its_bound_is_fresh(bound: float) -> None:
    assert is_fresh(net(uniform(bound), None)) is True


@pytest.mark.parametrize("share", [0.9, 0.995, 1.002])
def test_a_default_that_training_moved_is_not(share: float) -> None:
    assert is_fresh(net(uniform(share / sqrt(D)), None)) is None


def test_a_bias_of_one_row_is_a_bias() -> None:
    trained = np.random.default_rng(1).normal(0, 0.3, (1, D))
    assert is_fresh(net(normal(0.1), trained)) is False
    assert is_fresh(net(normal(0.1), np.zeros((1, D)))) is True


def test_a_bias_that_the_exporter_left_out_was_zero() -> None:
    assert is_fresh(net(normal(0.1), None)) is None
    assert is_fresh(net(normal(0.1), None, LINEAR.format("%p_w, %p_b"))) is True
    assert is_fresh(net(normal(0.1), None, LINEAR.format("%p_w"))) is None


SEEDS = 60
WIDTHS = [(8, 64, 16, 2), (8, 64, 16, 1), (4, 16, 16, 4), (3, 8, 2), (16, 160, 10), (128, 2)]


def chain(seed: int, widths: tuple[int, ...], train: float = 0.0, he: str = "") -> ModelProto:
    """Return linear layers with PyTorch's default, or He's weights, moved by `train` bounds."""
    random = np.random.default_rng(seed)
    nodes, stored = [], []
    for depth, (inputs, outputs) in enumerate(pairwise(widths)):
        bound = 1 / sqrt(inputs)
        weight = random.uniform(-bound, bound, (outputs, inputs))
        if he:
            weight = random.normal(0, sqrt(2 / inputs), (outputs, inputs))
        bias = random.uniform(-bound, bound, outputs) * (he != "no bias")
        for name, numbers in ((f"w{depth}", weight), (f"b{depth}", bias)):
            moved = numbers + train * bound * random.normal(size=numbers.shape)
            stored.append(numpy_helper.from_array(moved.astype("f4"), name))
        ends = [f"x{depth}", f"w{depth}", f"b{depth}"], [f"x{depth + 1}"]
        nodes.append(helper.make_node("Gemm", *ends, transB=1))
    graph = helper.make_graph(
        nodes,
        "chain",
        [helper.make_tensor_value_info("x0", TensorProto.FLOAT, (4, widths[0]))],
        [helper.make_tensor_value_info(ends[1][0], TensorProto.FLOAT, (4, widths[-1]))],
        stored,
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)


def judged(widths: tuple[int, ...], train: float = 0.0, he: str = "") -> set[bool | None]:
    return {is_fresh(chain(seed, widths, train, he)) for seed in range(SEEDS)}


@pytest.mark.parametrize("widths", WIDTHS, ids=str)
def test_a_fresh_network_is_not_judged_trained_by_chance(widths: tuple[int, ...]) -> None:
    # Where every tensor is short, nothing tells.
    told = any(inputs * outputs >= 100 for inputs, outputs in pairwise(widths))
    assert judged(widths) == {True if told else None}


@pytest.mark.parametrize("widths", WIDTHS, ids=str)
def test_he_weights_beside_default_biases_are_not_judged_trained(widths: tuple[int, ...]) -> None:
    assert judged(widths, he="with biases") == {None}
    assert judged(widths, he="no bias") == {True}


@pytest.mark.parametrize("widths", WIDTHS, ids=str)
@pytest.mark.parametrize("train", [0.1, 0.5])
@pytest.mark.parametrize("he", ["", "with biases", "no bias"])
def test_a_trained_network_is_never_judged_fresh(
    widths: tuple[int, ...], train: float, he: str
) -> None:
    assert True not in judged(widths, train, he)


def test_a_trained_head_behind_the_zeros_of_a_converter_is_not_fresh() -> None:
    """Converters write biases of zeros for convolutions that have none."""
    for seed in range(SEEDS):
        model = chain(seed, (16, 160, 10), he="no bias")
        head = np.random.default_rng(seed).normal(0, 0.3 / sqrt(160), 10)
        model.graph.initializer[-1].CopyFrom(numpy_helper.from_array(head.astype("f4"), "b1"))
        assert is_fresh(model) is not True
