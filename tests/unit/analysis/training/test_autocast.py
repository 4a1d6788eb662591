"""Which tensors autocast casts, how often, and what that costs."""

from __future__ import annotations

import numpy as np
import onnx.parser
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import numpy_helper

from archlint.analysis.facts import Facts
from archlint.devices.catalogue import find_device
from archlint.graph.build import build_graph
from archlint.graph.dimensions.bindings import Bindings
from archlint.graph.dtype import DType
from archlint.ops.registry import operators
from archlint.target import Target, Training

HALF, SINGLE = DType.BFLOAT16, DType.FLOAT32
WEIGHT = np.ones((8, 8), np.float32)
STORED = {
    "w": WEIGHT,
    "gain": np.ones(8, np.float32),
    "two": np.array(2.0, np.float32),
    "axis": np.array(0),
    "on": np.ones(8, bool),
    "start": np.array([0]),
    "end": np.array([4]),
}


def facts(body: str, *, gpu: bool = False, layers: int = 0, input_gradient: bool = False) -> Facts:
    """Return the facts of a graph on x of 4 rows of 8 numbers, with what it uses of `STORED`."""
    model = onnx.parser.parse_model(
        '<ir_version: 8, opset_import: ["" : 17]>'
        f"net (float[4, 8] x) => (float[4, 8] y) {{ {body} }}"
    )
    used = {name for node in model.graph.node for name in node.input}
    for name, contents in {**STORED, **{f"w{index}": WEIGHT for index in range(layers)}}.items():
        if name in used:
            model.graph.initializer.append(numpy_helper.from_array(contents, name))
    target = Target(
        device=find_device("nvidia-t4") if gpu else None,
        training=Training("sgd", precision="bf16-mixed", input_gradient=input_gradient),
    )
    return Facts(build_graph(model, Bindings()), target, operators())


def formats(found: Facts) -> dict[str, DType | None]:
    return {name: value.dtype for name, value in found.saved.graph.values.items()}


def casts(found: Facts) -> list[str]:
    """Return what is cast, in order."""
    return [node.inputs[0] for node in found.saved.graph.nodes if node.op == "Cast"]


def test_a_weight_is_cast_once_and_an_activation_for_each_of_its_users() -> None:
    found = facts("e = Exp(x) a = MatMul(e, w) b = MatMul(e, w) y = Add(a, b)", gpu=True)
    assert casts(found) == ["e", "w", "e"]
    # Two copies of 32 numbers; the weight's copy is for a gradient that nobody wants.
    assert found.saved.total.value == 2 * 2 * 32


def test_a_weight_that_is_transposed_on_the_way_has_one_copy_too() -> None:
    found = facts("t = Transpose<perm = [1, 0]>(w) a = MatMul(x, t) y = MatMul(a, w)")
    assert casts(found) == ["x", "w"]
    assert found.saved.total.value == 2 * (32 + 32 + 64)


def test_the_input_is_cast_once_where_it_needs_a_gradient() -> None:
    body = "a = MatMul(x, w) b = MatMul(x, w) y = Add(a, b)"
    assert casts(facts(body)) == ["x", "w", "x"]
    assert casts(facts(body, input_gradient=True)) == ["x", "w"]


@pytest.mark.parametrize(
    ("operator", "cpu", "gpu"),
    [
        ("Softmax(h)", HALF, SINGLE),
        ("Exp(h)", HALF, SINGLE),
        ("Pow(h, two)", HALF, SINGLE),
        ("Softplus(h)", HALF, SINGLE),
        ("CumSum(h, axis)", HALF, SINGLE),
        ("LayerNormalization(h, gain)", HALF, SINGLE),
        ("Relu(h)", HALF, HALF),
        ("Mul(h, two)", HALF, HALF),
        ("Mul(h, gain)", SINGLE, SINGLE),
        ("Add(h, x)", SINGLE, SINGLE),
        ("MatMul(h, w)", HALF, HALF),
        ("Where(on, h, two)", HALF, HALF),
    ],
)
def test_an_operator_answers_in_the_format_of_its_list(
    operator: str, cpu: DType, gpu: DType
) -> None:
    body = f"h = MatMul(x, w) y = {operator}"
    assert formats(facts(body))["y"] is cpu
    assert formats(facts(body, gpu=True))["y"] is gpu


def test_the_cpu_casts_what_it_joins() -> None:
    body = "h = MatMul(x, w) j = Concat<axis = 0>(h, x) k = Slice(j, start, end) y = Relu(k)"
    on_cpu, on_gpu = facts(body), facts(body, gpu=True)
    assert formats(on_cpu)["j"] is formats(on_gpu)["j"] is SINGLE
    assert casts(on_cpu) == ["x", "w", "h"]
    assert casts(on_gpu) == ["x", "w"]


def test_what_the_lists_do_not_tell_is_an_interval_with_a_reason() -> None:
    found = facts("h = MatMul(x, w) n = LpNormalization(h) y = MatMul(n, w)")
    saved = found.saved.total
    assert saved.low < saved.high
    assert "composes" in (found.training_note or "")


@given(layers=st.integers(1, 6))
def test_a_perceptron_keeps_halves_and_copies_of_all_weights_but_the_first(layers: int) -> None:
    products = [f"a{index + 1} = MatMul(a{index}, w{index})" for index in range(layers)]
    found = facts(f"a0 = Identity(x) {' '.join(products)} y = Identity(a{layers})", layers=layers)
    assert found.saved.total.value == layers * 2 * 32 + (layers - 1) * 2 * 64
    assert found.training_memory.weight_bytes == layers * 4 * 64
    assert found.training_memory.gradient_bytes == layers * 4 * 64
