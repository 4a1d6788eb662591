"""Branches and loops: their work, their weights, their memory, and where they are unknown."""

from __future__ import annotations

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import numpy_helper, parser

from archlint.analysis.facts import Facts
from archlint.graph.build import build_graph
from archlint.graph.dimensions.bindings import Bindings
from archlint.ops.registry import operators
from archlint.target import Target

BRANCHES = """
g (float[2, 4] x, int64 rate) => (y) {
  scaled = Mul(x, x)
  is_high = Equal(rate, high)
  y = If (is_high) <
    then_branch = wide () => (t) { a = MatMul(scaled, first) t = MatMul(a, second) },
    else_branch = narrow () => (e) { e = MatMul(x, third) }
  >
}
"""
WEIGHTS = {"first": (4, 32), "second": (32, 3), "third": (4, 3)}
WIDE, NARROW = 2 * 32 * (4 + 3), 2 * 4 * 3

ROUNDS = """
g (float[2, 4] x) => (y) {
  y = Loop (rounds, always, x) <
    body = step (int64 i, bool go, float[2, 4] state) => (on, next)
      { on = Identity(go) next = MatMul(state, square) }
  >
}
"""


def model_of(text: str, **stored: np.ndarray) -> onnx.ModelProto:
    model = parser.parse_model(f'<ir_version: 10, opset_import: ["" : 21]>\n{text}')
    model.graph.initializer.extend(
        numpy_helper.from_array(array, name) for name, array in stored.items()
    )
    return model


def branching() -> onnx.ModelProto:
    """Return a model with its weights inside the branches, as exporters put them there."""
    model = model_of(BRANCHES, high=np.int64(16000))
    for attribute in model.graph.node[-1].attribute:
        names = {name for node in attribute.g.node for name in node.input} & WEIGHTS.keys()
        attribute.g.initializer.extend(
            numpy_helper.from_array(np.ones(WEIGHTS[name], np.float32), name) for name in names
        )
    return model


def looping(**stored: np.ndarray) -> onnx.ModelProto:
    square = np.ones((4, 4), np.float32)
    return model_of(ROUNDS, **{"always": np.bool_(True), "square": square, **stored})


def facts_of(model: onnx.ModelProto, **dims: int) -> Facts:
    return Facts(build_graph(model, Bindings(dims=dims)), Target(), operators())


def test_the_work_of_branches_lies_between_them_and_is_never_their_sum() -> None:
    macs = facts_of(branching()).compute.forward_macs

    assert (macs.low, macs.high, macs.unknown) == (NARROW, WIDE, ())
    assert macs.value is None


@pytest.mark.parametrize(("rate", "macs"), [(16000, WIDE), (8000, NARROW)])
def test_the_value_of_an_input_takes_a_branch(rate: int, macs: int) -> None:
    facts = facts_of(branching(), rate=rate)

    assert facts.compute.forward_macs.value == macs
    assert facts.graph.unused_bindings == ()
    session = onnxruntime.InferenceSession(
        branching().SerializeToString(), providers=["CPUExecutionProvider"]
    )
    given = {"x": np.ones((2, 4), np.float32), "rate": np.array(rate)}
    made = session.run(None, given)[0]
    assert made.shape == facts.graph.values["y"].sizes
    assert made[0, 0] == (128 if macs == WIDE else 4)


def test_weights_in_both_branches_are_parameters() -> None:
    parameters = facts_of(branching()).parameters

    assert parameters.count == sum(rows * columns for rows, columns in WEIGHTS.values())
    assert parameters.nbytes == 4 * parameters.count
    assert list(parameters.of_node.values()) == [parameters.count]


def test_weights_of_the_graph_around_count_once_wherever_they_are_used() -> None:
    model = branching()
    then, otherwise = model.graph.node[-1].attribute
    for branch in (then.g, otherwise.g):
        model.graph.initializer.extend(branch.initializer)
        del branch.initializer[:]

    facts = facts_of(model)

    assert facts.parameters.count == 4 * 32 + 32 * 3 + 4 * 3
    assert facts.training_memory.gradient_bytes == 4 * facts.parameters.count


def test_what_a_branch_uses_lives_until_then() -> None:
    facts = facts_of(branching())

    alive = facts.inference_memory.moments[-1]
    assert "scaled" in alive.tensors
    # x and scaled, the condition, y, and the two products of the wider branch
    assert facts.inference_memory.peak.value == 32 + 32 + 1 + 24 + (256 + 24)


def test_the_backward_pass_of_a_branch_counts_and_what_it_keeps_is_said_to_be_unknown() -> None:
    facts = facts_of(branching())

    # Of the narrow branch the gradient of its weight, of the wide one that of a, too.
    assert facts.compute.backward_macs.low == NARROW
    assert facts.compute.backward_macs.high == 2 * 32 * 4 + 2 * (2 * 32 * 3)
    (unknown,) = facts.saved.total.unknown
    assert unknown.op == "If"
    assert "not followed" in unknown.reason


def test_a_loop_body_counts_in_every_iteration() -> None:
    facts = facts_of(looping(rounds=np.int64(5)))

    assert facts.compute.forward_macs.value == 5 * 2 * 4 * 4
    assert facts.compute.backward_macs.value == 5 * 2 * (2 * 4 * 4)  # the state and the weight
    assert facts.parameters.count == 16


def test_a_loop_with_unknown_trip_count_is_reported() -> None:
    model = looping()
    rounds = onnx.helper.make_tensor_value_info("rounds", onnx.TensorProto.INT64, [])
    model.graph.input.append(rounds)

    (unknown,) = facts_of(model).compute.forward_macs.unknown
    assert (unknown.op, unknown.reason) == ("Loop", "how often it runs is not known")
    assert facts_of(model, rounds=3).compute.forward_macs.value == 3 * 2 * 4 * 4
