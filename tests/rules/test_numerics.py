"""NUM001 and NUM008: numbers that no network can compute with."""

import numpy as np
import onnx
import pytest
from ml_dtypes import bfloat16
from onnx import TensorProto, helper, numpy_helper, parser

from archlint.testing import lint_file, lint_model
from archlint_rules.numerics.negative_variance import NegativeVariance
from archlint_rules.numerics.nonfinite_weights import NonfiniteWeights

TYPES = {
    "float32": (TensorProto.FLOAT, np.float32),
    "float16": (TensorProto.FLOAT16, np.float16),
    "float64": (TensorProto.DOUBLE, np.float64),
    "bfloat16": (TensorProto.BFLOAT16, bfloat16),
}


def product(weight, code=TensorProto.FLOAT):
    """Return a model of one product with a stored matrix."""
    size = weight.shape[0]
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "weight"], ["y"])],
        "product",
        [helper.make_tensor_value_info("x", code, [2, size])],
        [helper.make_tensor_value_info("y", code, [2, size])],
        [numpy_helper.from_array(weight, "weight")],
    )
    return helper.make_model(graph, ir_version=10, opset_imports=[helper.make_opsetid("", 22)])


def drawn(size, dtype=np.float32):
    return np.random.default_rng(0).normal(0, 0.1, (size, size)).astype(dtype)


@pytest.mark.parametrize("number", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("name", TYPES)
def test_one_number_that_is_not_finite_is_found_in_every_format(name, number):
    code, dtype = TYPES[name]
    weight = drawn(8, dtype)
    assert lint_model(product(weight, code), [NonfiniteWeights]) == []
    weight[3, 5] = number
    (finding,) = lint_model(product(weight, code), [NonfiniteWeights])
    nans = int(np.isnan(number))
    assert (finding.data["nan"], finding.data["infinite"]) == (nans, 1 - nans)
    assert "1 NaN" in finding.message if nans else "1 infinite" in finding.message


def test_what_an_overflow_leaves_of_a_weight_in_half_precision():
    with np.errstate(over="ignore"):
        weight = (drawn(64) * 1e6).astype(np.float16)
    lost = int(np.isinf(weight).sum())
    assert lost > 0
    (finding,) = lint_model(product(weight, TensorProto.FLOAT16), [NonfiniteWeights])
    assert finding.data["infinite"] == lost


def test_a_large_weight_is_sampled_and_the_message_says_so():
    weight = np.full((512, 512), np.nan, np.float32)
    (finding,) = lint_model(product(weight), [NonfiniteWeights])
    assert finding.data["read"] == finding.data["nan"] == 32768
    assert "32,768 NaN among the 32,768 read of its 262,144 numbers" in finding.message


def test_a_diverged_model_is_one_finding():
    model = parser.parse_model(
        '<ir_version: 9, opset_import: ["" : 18]> '
        "g (float[N, 2] x) => (float[N, 2] y) "
        "<float[2, 2] a = {nan, nan, nan, nan}, float[2] b = {nan, nan}, "
        "float[2, 2] c = {nan, nan, nan, nan}> "
        "{ h = Gemm(x, a, b) r = Relu(h) y = MatMul(r, c) }"
    )
    (finding,) = lint_model(model, [NonfiniteWeights])
    assert finding.message == ("a has 4 NaN among its 4 numbers; 2 more tensors are not finite")
    assert finding.data["weights"] == ["a", "b", "c"]


def test_a_mask_holds_infinity_on_purpose():
    model = parser.parse_model(
        '<ir_version: 9, opset_import: ["" : 18]> '
        "g (float[N, 2] x) => (float[N, 2] y) <float[2] mask = {0, -inf}> "
        "{ h = Add(x, mask) y = Softmax<axis = -1>(h) }"
    )
    assert lint_model(model, [NonfiniteWeights]) == []


@pytest.mark.parametrize(
    "body",
    [
        "s = MatMul(x, x) m = Add(s, bound) y = Softmax<axis = -1>(m)",
        "s = MatMul(x, x) m = Add(bound, s) p = Softmax<axis = -1>(m) y = MatMul(p, x)",
        "s = MatMul(x, x) y = Min(s, bound)",
        "c = Less(x, bound) y = Where(c, x, bound)",
    ],
    ids=["mask", "attention", "least", "where"],
)
@pytest.mark.parametrize("number", ["inf", "-inf"])
def test_bounds_hold_infinity_on_purpose(body, number):
    model = parser.parse_model(
        '<ir_version: 9, opset_import: ["" : 18]> '
        "g (float[2, 2] x) => (float[2, 2] y) "
        f"<float[2, 2] bound = {{0, {number}, 0, 0}}> {{ {body} }}"
    )
    assert lint_model(model, [NonfiniteWeights]) == []


def test_no_bias_holds_positive_infinity():
    model = parser.parse_model(
        '<ir_version: 9, opset_import: ["" : 18]> '
        "g (float[N, 2, 2] x) => (float[N, 2, 2] y) "
        "<float[2, 2] w = {1, 2, 3, 4}, float[2] bias = {0, inf}> "
        "{ h = MatMul(x, w) y = Add(h, bias) }"
    )
    (finding,) = lint_model(model, [NonfiniteWeights])
    assert finding.data["weights"] == ["bias"]


def test_weights_that_stand_in_another_file(tmp_path):
    weight = drawn(64)
    weight[0] = np.nan
    path = tmp_path / "model.onnx"
    onnx.save(
        product(weight), path, save_as_external_data=True, location="model.bin", size_threshold=0
    )
    (finding,) = lint_file(path, [NonfiniteWeights])
    assert finding.data["nan"] == 64
    (tmp_path / "model.bin").unlink()
    assert [each.code for each in lint_file(path, [NonfiniteWeights])] == ["FILE002"]


def normalization(variance, epsilon=1e-5):
    gain, shift, mean = np.ones(4), np.zeros(4), np.zeros(4)
    names = ["gain", "shift", "mean", "variance"]
    stored = zip((gain, shift, mean, variance), names, strict=True)
    graph = helper.make_graph(
        [helper.make_node("BatchNormalization", ["x", *names], ["y"], epsilon=epsilon)],
        "normalized",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [2, 4, 3])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [2, 4, 3])],
        [numpy_helper.from_array(array.astype(np.float32), name) for array, name in stored],
    )
    return helper.make_model(graph, ir_version=9, opset_imports=[helper.make_opsetid("", 18)])


@pytest.mark.parametrize(
    ("least", "epsilon"), [(0.5, 1e-5), (0.0, 1e-5), (-2e-6, 1e-5), (-0.5, 1e-5), (-0.5, 1.0)]
)
def test_a_variance_is_wrong_where_onnxruntime_answers_nan(least, epsilon):
    onnxruntime = pytest.importorskip("onnxruntime")
    model = normalization(np.array([1.0, 0.3, least, 2.0]), epsilon)
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    (y,) = session.run(None, {"x": np.ones((2, 4, 3), np.float32)})
    findings = lint_model(model, [NegativeVariance])
    assert bool(findings) == bool(np.isnan(y).any())
