"""Folded tensors are those that onnxruntime and onnx's reference evaluator compute."""

from collections.abc import Mapping

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from onnx import helper, numpy_helper, parser
from onnx.reference import ReferenceEvaluator

from archlint.graph.build import build_graph

CASES = [
    # operator that is folded, and a model text whose last tensor is its result
    ("Shape", "y = Shape(x)"),
    ("Shape", "y = Shape <start = 1> (x)"),
    ("Shape", "y = Shape <start = -2, end = -1> (x)"),
    ("Shape", "y = Shape <start = 2, end = 1> (x)"),
    ("Size", "y = Size(x)"),
    ("Identity", "y = Identity(n)"),
    ("Gather", "s = Shape(x) i = Constant <value_ints = [2, -1]> () y = Gather(s, i)"),
    ("Gather", "s = Shape(x) i = Constant <value_int = 1> () y = Gather(s, i)"),
    ("Gather", "y = Gather <axis = 1> (m, two)"),
    ("GatherElements", "y = GatherElements <axis = 1> (m, mi)"),
    ("GatherND", "y = GatherND(m, mi)"),
    ("Concat", "s = Shape(x) y = Concat <axis = 0> (s, n, s)"),
    ("Concat", "y = Concat <axis = -1> (m, m)"),
    ("Slice", "y = Slice(n, a0, a2)"),
    ("Slice", "y = Slice(n, am1, amin, a0, am1)"),
    ("Slice", "y = Slice(n, am2, amax, a0, a2)"),
    ("Slice", "y = Slice(m, a0, a2, am1)"),
    ("Split", "z, y = Split <num_outputs = 2> (n)"),
    ("Split", "y, z = Split <axis = 1> (m, parts)"),
    ("Squeeze", "u = Unsqueeze(n, a0) y = Squeeze(u)"),
    ("Squeeze", "u = Unsqueeze(n, a02) y = Squeeze(u, am1)"),
    ("Unsqueeze", "y = Unsqueeze(n, a02)"),
    ("Reshape", "y = Reshape(m, am1)"),
    ("Reshape", "r = Constant <value_ints = [0, 1, -1]> () y = Reshape(m, r)"),
    ("Flatten", "y = Flatten <axis = 0> (m)"),
    ("Flatten", "y = Flatten <axis = 2> (m)"),
    ("Transpose", "y = Transpose(m)"),
    ("Transpose", "y = Transpose <perm = [1, 0]> (m)"),
    ("Cast", "y = Cast <to = 1> (n)"),
    ("Cast", "f = Constant <value_floats = [1.9, -1.9]> () y = Cast <to = 7> (f)"),
    ("Cast", "y = Cast <to = 9> (n)"),
    ("CastLike", "f = Constant <value_float = 1.5> () y = CastLike(n, f)"),
    ("Range", "y = Range(zero, seven, three)"),
    ("Range", "y = Range(seven, zero, minus)"),
    ("Range", "y = Range(seven, zero, three)"),
    ("Range", "y = Range(f0, f1, f2)"),
    ("ConstantOfShape", "s = Shape(x) y = ConstantOfShape(s)"),
    ("ConstantOfShape", "y = ConstantOfShape <value = int64[1] {7}> (two)"),
    ("Where", "c = Equal(n, nn) y = Where(c, n, seven)"),
    ("Expand", "y = Expand(n, e)"),
    ("Expand", "y = Expand(seven, two)"),
    ("Tile", "y = Tile(m, two)"),
    ("NonZero", "c = Greater(m, three) y = NonZero(c)"),
    ("OneHot", "y = OneHot(two, seven, hot)"),
    ("OneHot", "y = OneHot <axis = 0> (m, seven, hot)"),
    ("CumSum", "y = CumSum(m, one)"),
    ("ScatterElements", "y = ScatterElements <axis = 1> (m, mi, mi)"),
    ("ScatterND", "y = ScatterND(n, i2, two)"),
    ("Add", "y = Add(n, three)"),
    ("Sub", "y = Sub(m, three)"),
    ("Mul", "y = Mul(m, m)"),
    ("Div", "y = Div(n, three)"),
    ("Div", "y = Div(n, minus)"),
    ("Div", "y = Div(f0, f2)"),
    ("Mod", "y = Mod(n, three)"),
    ("Mod", "y = Mod <fmod = 1> (n, three)"),
    ("Mod", "y = Mod(n, minus)"),
    ("Pow", "y = Pow(n, three)"),
    ("Pow", "y = Pow(f1, f2)"),
    ("Min", "y = Min(n, three, nn)"),
    ("Max", "y = Max(n, three, nn)"),
    ("Sum", "y = Sum(f0, f1, f2)"),
    ("Neg", "y = Neg(n)"),
    ("Abs", "y = Abs(n)"),
    ("Sign", "y = Sign(n)"),
    ("Floor", "y = Floor(fs)"),
    ("Ceil", "y = Ceil(fs)"),
    ("Round", "y = Round(fs)"),
    ("Sqrt", "a = Abs(fs) y = Sqrt(a)"),
    ("Reciprocal", "y = Reciprocal(fs)"),
    ("Exp", "y = Exp(fs)"),
    ("Log", "a = Abs(fs) y = Log(a)"),
    ("Not", "c = Less(n, three) y = Not(c)"),
    ("And", "c = Less(n, three) d = Greater(n, zero) y = And(c, d)"),
    ("Or", "c = Less(n, three) d = Greater(n, zero) y = Or(c, d)"),
    ("Xor", "c = Less(n, three) d = Greater(n, zero) y = Xor(c, d)"),
    ("Equal", "y = Equal(n, nn)"),
    ("Less", "y = Less(n, three)"),
    ("LessOrEqual", "y = LessOrEqual(n, three)"),
    ("Greater", "y = Greater(n, three)"),
    ("GreaterOrEqual", "y = GreaterOrEqual(n, three)"),
    ("Clip", "y = Clip(n, zero, three)"),
    ("Clip", "y = Clip(n, , three)"),
    ("ReduceProd", "y = ReduceProd(m)"),
    ("ReduceProd", "s = Shape(x) y = ReduceProd <keepdims = 0> (s)"),
    ("ReduceSum", "y = ReduceSum <keepdims = 0> (m, am1)"),
    ("ReduceSum", "y = ReduceSum <noop_with_empty_axes = 1> (m)"),
    ("ReduceMin", "y = ReduceMin(m, am1)"),
    ("ReduceMax", "y = ReduceMax <keepdims = 0> (m, a0)"),
    ("ReduceMean", "y = ReduceMean(fs)"),
    ("ArgMax", "y = ArgMax <axis = 1> (m)"),
    ("ArgMin", "y = ArgMin <axis = 1, keepdims = 0> (m)"),
]
TENSORS: Mapping[str, object] = {
    "n": [5, -7, 3, 0],
    "nn": [5, 1, 3, 2],
    "m": [[1, 2, 3], [4, 5, 6]],
    "mi": [[1, 0], [0, 1]],
    "zero": 0,
    "one": 1,
    "three": 3,
    "seven": 7,
    "minus": -2,
    "two": [1, 2],
    "i2": [[0], [3]],
    "parts": [1, 2],
    "hot": [10, 20],
    "e": [2, 3, 1],
    "a0": [0],
    "a2": [2],
    "a02": [0, 2],
    "am1": [-1],
    "am2": [-2],
    "amin": [-(2**63)],
    "amax": [2**63 - 1],
    "f0": np.float32(0.25),
    "f1": np.float32(2.5),
    "f2": np.float32(0.5),
    "fs": np.array([0.5, 1.5, -2.7, 3.2], np.float32),
}


def model_of(nodes: str) -> onnx.ModelProto:
    model = parser.parse_model(
        f'<ir_version: 10, opset_import: ["" : 21]>\ng (float[2, 3, 4] x) => (y) {{ {nodes} }}'
    )
    model.graph.initializer.extend(
        numpy_helper.from_array(np.asarray(value), name) for name, value in TENSORS.items()
    )
    return model


@pytest.mark.parametrize(
    ("op", "nodes"), CASES, ids=[f"{op}-{i}" for i, (op, _) in enumerate(CASES)]
)
def test_a_folded_tensor_is_what_onnxruntime_computes(op: str, nodes: str, observe):
    model = model_of(nodes)
    graph = build_graph(model)

    assert op in {node.op for node in graph.nodes}
    expected = observe(model, {"x": np.zeros((2, 3, 4), np.float32)})["y"]
    folded = graph.constants["y"]
    assert folded.dtype == expected.dtype
    assert folded.shape == expected.shape
    np.testing.assert_allclose(folded, expected, rtol=1e-6)
    assert graph.values["y"].sizes == expected.shape


@pytest.mark.parametrize(
    "nodes",
    [
        "y = Div(n, zero)",
        "y = Mod(n, zero)",
        "y = Range(zero, seven, zero)",
        "y = Gather(n, seven)",
        "y = Reshape(n, parts)",
        "big = Constant <value_ints = [40, 40]> () y = Expand(one, big)",
        "big = Constant <value_ints = [1000000, 1000000]> () y = ConstantOfShape(big)",
        "big = Constant <value_int = 1000000000000> () y = Range(zero, big, one)",
        "big = Constant <value_ints = [1000000]> () y = Tile(n, big)",
        "big = Constant <value_floats = [1e30]> () y = Cast <to = 7> (big)",
        "y = Split(n, parts)",
        "y = Slice(n, a0, a2, a0, a0)",
    ],
)
def test_what_cannot_be_folded_is_not_known(nodes: str):
    assert "y" not in build_graph(model_of(nodes)).constants


def test_the_shape_of_an_open_tensor_is_not_known():
    model = model_of("y = Shape(x)")
    model.graph.input[0].type.tensor_type.shape.dim[0].dim_param = "N"

    assert "y" not in build_graph(model).constants


def test_the_known_part_of_an_open_shape_is_known():
    model = model_of("y = Shape <start = 1> (x)")
    model.graph.input[0].type.tensor_type.shape.dim[0].dim_param = "N"

    np.testing.assert_array_equal(build_graph(model).constants["y"], [3, 4])


def test_shape_operands_are_followed_to_the_end(observe):
    """The chain that PyTorch's exporter writes for expand(2, 1, -1, ...), and a reshape of it."""
    model = model_of(
        "s = Shape(x) wide = Concat <axis = 0> (two, s) length = Shape(wide)"
        " ones = ConstantOfShape <value = int64[1] {1}> (length) unset = Mul(ones, minus)"
        " same = Equal(wide, unset) want = Where(same, ones, wide) big = Expand(x, want)"
        " rest = Shape <start = 2> (big) flat = ReduceProd(rest)"
        " shape = Concat <axis = 0> (am1, flat) y = Reshape(big, shape)"
    )
    graph = build_graph(model)

    observed = observe(model, {"x": np.zeros((2, 3, 4), np.float32)})
    assert observed["y"].shape == (2, 24)
    for name, contents in observed.items():
        assert graph.values[name].sizes == contents.shape, name


# ----------------------------------------------------------- properties against the reference

SMALL = st.integers(-9, 9)
INTEGERS = arrays.arrays(np.int64, arrays.array_shapes(max_dims=3, max_side=4), elements=SMALL)


def call(op: str, inputs: Mapping[str, np.ndarray], **attributes: object) -> onnx.ModelProto:
    node = helper.make_node(op, list(inputs), ["y"], **attributes)
    graph = helper.make_graph(
        [node],
        "g",
        [],
        [helper.make_value_info("y", onnx.TypeProto())],
        [numpy_helper.from_array(value, name) for name, value in inputs.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)
    model.graph.output[0].type.tensor_type.elem_type = onnx.TensorProto.INT64
    return model


def reference(op: str, inputs: Mapping[str, np.ndarray], **attributes: object):
    """Return the folded result of one call, and that of onnx's reference evaluator."""
    model = call(op, inputs, **attributes)
    expected = ReferenceEvaluator(model).run(None, {})[0]
    return build_graph(model).constants.get("y"), np.asarray(expected)


def agree(folded: np.ndarray | None, expected: np.ndarray) -> None:
    assert folded is not None
    np.testing.assert_array_equal(folded, expected, strict=True)


@settings(deadline=None, max_examples=60)
@given(
    data=arrays.arrays(np.int64, st.integers(1, 6), elements=SMALL),
    start=st.integers(-9, 9),
    end=st.integers(-9, 9),
    step=st.sampled_from([-3, -2, -1, 1, 2, 3]),
)
def test_folded_slice_agrees_with_the_reference(
    data: np.ndarray, start: int, end: int, step: int, observe
):
    operands = {"starts": start, "ends": end, "axes": 0, "steps": step}
    inputs = {"data": data, **{name: np.array([value]) for name, value in operands.items()}}

    # onnx's reference evaluator does not clamp the start of a walk backwards as Slice-13 says.
    model = call("Slice", inputs)
    agree(build_graph(model).constants.get("y"), observe(model, {})["y"])


@settings(deadline=None, max_examples=60)
@given(data=INTEGERS, op=st.sampled_from(["Add", "Sub", "Mul", "Min", "Max"]), other=SMALL)
def test_folded_arithmetic_agrees_with_the_reference(data: np.ndarray, op: str, other: int):
    agree(*reference(op, {"a": data, "b": np.array(other)}))


@settings(deadline=None, max_examples=60)
@given(data=INTEGERS, divisor=SMALL.filter(bool))
def test_division_is_towards_zero(data: np.ndarray, divisor: int):
    folded, _ = reference("Div", {"a": data, "b": np.array(divisor)})

    np.testing.assert_array_equal(folded, np.trunc(data / divisor).astype(np.int64), strict=True)


@settings(deadline=None, max_examples=60)
@given(data=INTEGERS, op=st.sampled_from(["ReduceSum", "ReduceProd", "ReduceMax"]), draw=st.data())
def test_folded_reduction_agrees_with_the_reference(data: np.ndarray, op: str, draw: st.DataObject):
    axis = draw.draw(st.integers(-data.ndim, data.ndim - 1))
    keepdims = draw.draw(st.booleans())

    agree(*reference(op, {"a": data, "axes": np.array([axis])}, keepdims=int(keepdims)))


@settings(deadline=None, max_examples=60)
@given(data=INTEGERS, draw=st.data())
def test_folded_gather_agrees_with_the_reference(data: np.ndarray, draw: st.DataObject):
    axis = draw.draw(st.integers(0, data.ndim - 1))
    size = data.shape[axis]
    indices = draw.draw(
        arrays.arrays(
            np.int64,
            arrays.array_shapes(min_dims=0, max_dims=2, max_side=3),
            elements=st.integers(-size, size - 1),
        )
    )

    agree(*reference("Gather", {"a": data, "i": indices}, axis=axis))
