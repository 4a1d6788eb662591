"""Calls that are alike get what each of them makes, as onnx's reference evaluator says."""

import numpy as np
import onnx
import pytest
from onnx import parser
from onnx.reference import ReferenceEvaluator

from archlint.graph.build import build_graph

PAIRS = {
    "other numbers": ("Concat <axis = 0> (i1, i2)", "Concat <axis = 0> (i1, i3)"),
    "other sizes": ("Reshape(x, i1)", "Reshape(x, i2)"),
    "other fractions": ("Mul(f1, f1)", "Mul(f1, f2)"),
    "other scales": ("Resize(x, , f1)", "Resize(x, , f2)"),
    "another attribute": ("Transpose <perm = [1, 0]> (x)", "Transpose <perm = [0, 1]> (x)"),
    "another type": ("Mul(i1, i1)", "Mul(f1, f1)"),
    "an input more": ("Clip(f1, zero)", "Clip(f1, zero, one)"),
    "a truth as a number": ("Cast <to = 7> (truth)", "Cast <to = 7> (nought)"),
    "the same": ("Shape(x)", "Shape(x)"),
}


def model_of(*calls: str) -> onnx.ModelProto:
    outputs = ", ".join(f"y{place}" for place in range(len(calls)))
    made = " ".join(f"y{place} = {call}" for place, call in enumerate(calls))
    model = parser.parse_model(
        '<ir_version: 9, opset_import: ["" : 18]>\n'
        f"g (float[2, 6] x) => ({outputs}) <int64[2] i1 = {{3, 4}}, int64[2] i2 = {{4, 3}}, "
        "int64[2] i3 = {3, 5}, float[2] f1 = {1, 2}, float[2] f2 = {2, 1}, float zero = {0}, "
        f"float one = {{1}}, bool truth = {{1}}, bool nought = {{0}}> {{ {made} }}"
    )
    for output in model.graph.output:
        output.ClearField("type")
    return model


@pytest.mark.parametrize("name", PAIRS)
def test_a_cached_call_has_the_outputs_of_an_uncached_one(name: str) -> None:
    """Each is read anew, behind an equal one, and behind one that is almost equal."""
    first, second = PAIRS[name]
    model = model_of(first, first, second, first, second)
    expected = ReferenceEvaluator(model).run(None, {"x": np.zeros((2, 6), np.float32)})
    graph = build_graph(model)
    for output, array in zip(graph.outputs, expected, strict=True):
        assert graph.values[output].shape == array.shape
        known = graph.constants.get(output)
        if known is not None:
            np.testing.assert_array_equal(known, array)
            assert known.dtype == array.dtype
    made = [name in graph.constants for name in graph.outputs]
    assert made[0] == made[1] == made[3]
    assert made[2] == made[4]


def test_a_declared_shape_applies_to_one_call_only() -> None:
    """A NonZero makes as many columns as there are numbers, which only the file may tell."""
    model = parser.parse_model(
        '<ir_version: 9, opset_import: ["" : 18]>\n'
        "g (float[2, 6] x) => (int64[2, 5] told, int64[n, 2] y) "
        "{ told = NonZero(x) open = NonZero(x) y = Transpose(open) }"
    )
    values = build_graph(model).values
    assert values["told"].shape == (2, 5)
    columns = (values["open"].shape or ())[1]
    assert not isinstance(columns, int)
