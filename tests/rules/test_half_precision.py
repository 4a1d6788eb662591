"""NUM002 to NUM004: what fp16 does to large and small numbers, as onnxruntime and NumPy have it."""

import numpy as np
import pytest
from onnx import numpy_helper, parser

from archlint.api import Severity
from archlint.testing import lint_model, lint_text
from archlint_rules.numerics.decomposed_norm_in_fp16 import DecomposedNormInFp16
from archlint_rules.numerics.fp16_range_exceeded import Fp16RangeExceeded
from archlint_rules.numerics.norm_epsilon_underflow import NormEpsilonUnderflow

HALF = {"deploy-dtype": "fp16"}

TYPES = {np.float16: "float16", np.float32: "float"}


def model(body, inputs, stored, dtype):
    """Return a model whose floats are all of one type; `body` is in ONNX's text syntax."""
    name = TYPES[dtype]
    sized = {each: f"[{shape}]" if shape else "" for each, shape in inputs.items()}
    given = ", ".join(f"{name}{shape} {each}" for each, shape in sized.items())
    built = parser.parse_model(
        f'<ir_version: 9, opset_import: ["" : 18]> g ({given}) => ({name} y) {{ {body} }}'
    )
    with np.errstate(over="ignore"):
        for each, number in stored.items():
            array = np.asarray(number)
            array = array.astype(dtype) if array.dtype.kind == "f" else array
            built.graph.initializer.append(numpy_helper.from_array(array, each))
    return built


def answer(built, **given):
    onnxruntime = pytest.importorskip("onnxruntime")
    session = onnxruntime.InferenceSession(
        built.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    (y,) = session.run(None, given)
    return y


MASKS = {
    "product": "kept = Sub(one, mask) far = Mul(kept, low) s = Add(x, far) y = Softmax(s)",
    "where": "b = Cast<to = 9>(mask) s = Where(b, x, low) y = Softmax(s)",
    "ones": "far = Mul(one, low) b = Cast<to = 9>(mask) s = Where(b, x, far) y = Softmax(s)",
    "bound": "s = Max(x, low) p = Mul(s, mask) y = Softmax(p)",
}


@pytest.mark.parametrize("low", [-1e9, -np.finfo(np.float32).max, -65520.0, -65504.0, -1e4])
@pytest.mark.parametrize("form", MASKS)
def test_a_mask_is_wrong_where_onnxruntime_answers_nan_in_fp16(form, low):
    inputs = {"x": "2, 4", "mask": "2, 4"}
    wide, half = (
        model(MASKS[form], inputs, {"one": 1.0, "low": low}, dtype)
        for dtype in (np.float32, np.float16)
    )
    x = np.random.default_rng(0).normal(size=(2, 4)).astype(np.float16)
    partly = np.array([[1, 1, 0, 0], [1, 1, 1, 0]], np.float16)
    never = np.array([[1, 1, 0, 0], [0, 0, 0, 0]], np.float16)
    nan_at_once = bool(np.isnan(answer(half, x=x, mask=partly)).any())
    nan_where_all_is_masked = bool(np.isnan(answer(half, x=x, mask=never)).any())

    found = lint_model(wide, [Fp16RangeExceeded], HALF)
    assert lint_model(wide, [Fp16RangeExceeded]) == []
    expected = None
    if nan_at_once:
        expected = Severity.WARNING
    elif nan_where_all_is_masked:
        expected = Severity.INFO
    assert [each.severity for each in found] == [expected] * (expected is not None)
    in_file = lint_model(half, [Fp16RangeExceeded])
    assert [each.severity for each in in_file] == [Severity.ERROR] * nan_at_once


@pytest.mark.parametrize("largest", [65504.0, 65519.0, 65520.0, 1e6, -65519.0, -65520.0])
@pytest.mark.parametrize("setting", [HALF, {"training": {"precision": "fp16"}}])
def test_a_weight_is_beyond_fp16_where_numpy_rounds_it_to_infinity(largest, setting):
    weight = np.full((4, 4), 0.5, np.float32)
    weight[1, 2] = largest
    built = model("y = MatMul(x, weight)", {"x": "2, 4"}, {"weight": weight}, np.float32)
    with np.errstate(over="ignore"):
        lost = bool(np.isinf(weight.astype(np.float16)).any())
    found = lint_model(built, [Fp16RangeExceeded], setting)
    assert [each.data["number"] for each in found] == [largest] * lost
    assert lint_model(built, [Fp16RangeExceeded], {"training": {"precision": "fp16-mixed"}}) == []


def test_a_mask_that_an_exporter_folded_in_fp16():
    """PyTorch's exporter folds (1 - mask) * -1e9 of a model in fp16 to NaN and -inf."""
    mask = np.array([[np.nan, -np.inf], [np.nan, np.nan]])
    built = model("s = Add(x, mask) y = Softmax(s)", {"x": "2, 2"}, {"mask": mask}, np.float16)
    (finding,) = lint_model(built, [Fp16RangeExceeded])
    assert finding.severity is Severity.ERROR
    assert finding.data["number"] == "nan"  # which JSON has no number for
    assert np.isnan(answer(built, x=np.zeros((2, 2), np.float16))).all()


def test_a_large_number_that_the_graph_casts_to_fp16():
    built = parser.parse_model(
        '<ir_version: 9, opset_import: ["" : 18]> g (float16[2, 80] x) => (float16[2, 80] y) '
        "{ h = Cast<to = 10>(scale) y = Mul(x, h) }"
    )
    scale = np.full(80, 1e5, np.float32)
    built.graph.initializer.append(numpy_helper.from_array(scale, "scale"))
    (finding,) = lint_model(built, [Fp16RangeExceeded])
    assert finding.severity is Severity.ERROR
    assert np.isinf(answer(built, x=np.ones((2, 80), np.float16))).all()


def test_infinity_that_was_meant_is_not_reported():
    stored = {"mask": np.array([0.0, -np.inf])}
    body = "s = Add(x, mask) y = Softmax(s)"
    for dtype in (np.float16, np.float32):
        built = model(body, {"x": "2, 2"}, stored, dtype)
        assert lint_model(built, [Fp16RangeExceeded], HALF) == []


@pytest.mark.parametrize("step", ["Div(s, d)", "Mul(s, d)", "Mul(d, s)"])
def test_a_temperature_behind_a_mask_leaves_it_a_mask(step):
    stored = {"mask": np.array([0.0, -1e9, 0.0])}
    inputs = {"x": "2, 3", "d": ""}
    body = f"s = Add(x, mask) t = {step} y = Softmax(t)"
    wide, half = (model(body, inputs, stored, dtype) for dtype in (np.float32, np.float16))
    x, temperature = np.zeros((2, 3), np.float16), np.array(2, np.float16)
    assert np.allclose(answer(half, x=x, d=temperature), [0.5, 0, 0.5])
    (finding,) = lint_model(wide, [Fp16RangeExceeded], HALF)
    assert finding.severity is Severity.INFO
    assert lint_model(half, [Fp16RangeExceeded]) == []


NORMS = {
    "layer": "m = ReduceMean(x, last) c = Sub(x, m) q = Mul(c, c) v = ReduceMean(q, last) "
    "e = Add(v, epsilon) r = Sqrt(e) y = Div(c, r)",
    "root-mean-square": "q = Pow(x, two) v = ReduceMean(q, last) e = Add(v, epsilon) r = Sqrt(e) "
    "i = Reciprocal(r) y = Mul(x, i)",
    "length": "n = ReduceL2(x, last) r = Max(n, epsilon) y = Div(x, r)",
}
NUMBERS = [1e-12, 1e-8, 2.0**-25, 3.1e-8, 1e-7, 1e-5, 6.2e-5, 1e-3]


def norm(form, epsilon, dtype):
    stored = {"last": np.array([-1]), "two": 2.0, "epsilon": epsilon}
    used = {name: number for name, number in stored.items() if name in NORMS[form]}
    return model(NORMS[form], {"x": "2, 8"}, used, dtype)


@pytest.mark.parametrize("epsilon", NUMBERS)
@pytest.mark.parametrize("form", NORMS)
def test_an_epsilon_is_lost_where_a_row_of_zeros_becomes_nan(form, epsilon):
    half, wide = norm(form, epsilon, np.float16), norm(form, epsilon, np.float32)
    zeros = np.zeros((2, 8), np.float16)
    is_lost = bool(np.isnan(answer(half, x=zeros)).any())
    left = np.float16(epsilon)
    is_faint = 0 < left < np.finfo(np.float16).smallest_normal
    of_mean = form != "length"

    def severities(severity):
        return [severity if of_mean and is_lost else Severity.INFO] * bool(is_lost or is_faint)

    in_file = lint_model(half, [NormEpsilonUnderflow])
    assert [each.severity for each in in_file] == severities(Severity.ERROR)
    target = lint_model(wide, [NormEpsilonUnderflow], HALF)
    assert [each.severity for each in target] == severities(Severity.WARNING)
    assert all(("is 0 in fp16" in each.message) == is_lost for each in (*in_file, *target))
    assert not np.isnan(answer(wide, x=zeros.astype(np.float32))).any()
    assert lint_model(wide, [NormEpsilonUnderflow]) == []


def test_an_epsilon_in_fp32_inside_of_an_fp16_file():
    built = parser.parse_model(
        '<ir_version: 9, opset_import: ["" : 18]> g (float16[2, 8] x) => (float16[2, 8] y) '
        "<int64[1] last = {-1}, float epsilon = {1e-12}> "
        "{ w = Cast<to = 1>(x) q = Mul(w, w) v = ReduceMean(q, last) e = Add(v, epsilon) "
        "r = Sqrt(e) n = Div(w, r) y = Cast<to = 10>(n) }"
    )
    assert not np.isnan(answer(built, x=np.zeros((2, 8), np.float16))).any()
    assert lint_model(built, [NormEpsilonUnderflow, DecomposedNormInFp16]) == []


def test_one_operator_keeps_its_epsilon_in_fp32():
    built = parser.parse_model(
        '<ir_version: 9, opset_import: ["" : 18]> g (float16[2, 2] x) => (float16[2, 2] y) '
        "<float16[2] gain = {15360, 15360}> "
        "{ y = LayerNormalization<axis = -1, epsilon = 1e-12>(x, gain) }"
    )
    assert not np.isnan(answer(built, x=np.zeros((2, 2), np.float16))).any()
    assert lint_model(built, [NormEpsilonUnderflow, DecomposedNormInFp16], HALF) == []
    text = "archlint: 1\nname: n\ninputs: {x: [2, 8]}\nlayers:\n  - LayerNorm: {eps: 1.0e-12}\n"
    assert lint_text(text, [NormEpsilonUnderflow, DecomposedNormInFp16], HALF) == []


def test_an_epsilon_that_an_exporter_dropped_is_an_info():
    body = (
        "m = ReduceMean(x, last) c = Sub(x, m) q = Mul(c, c) v = ReduceMean(q, last) "
        "r = Sqrt(v) y = Div(c, r)"
    )
    built = model(body, {"x": "2, 8"}, {"last": np.array([-1])}, np.float32)
    (finding,) = lint_model(built, [NormEpsilonUnderflow])
    assert finding.severity is Severity.INFO
    assert np.isnan(answer(built, x=np.ones((2, 8), np.float32))).all()


def test_a_division_that_normalizes_nothing():
    body = "e = Add(x, epsilon) r = Sqrt(e) y = Div(one, r)"
    built = model(body, {"x": "2, 8"}, {"epsilon": 1e-12, "one": 1.0}, np.float32)
    assert lint_model(built, [NormEpsilonUnderflow, DecomposedNormInFp16], HALF) == []


def test_many_alike_normalizations_are_one_finding():
    body = " ".join(
        f"m{i} = ReduceMean(x{i}, last) c{i} = Sub(x{i}, m{i}) q{i} = Mul(c{i}, c{i}) "
        f"v{i} = ReduceMean(q{i}, last) e{i} = Add(v{i}, epsilon) r{i} = Sqrt(e{i}) "
        f"x{i + 1} = Div(c{i}, r{i})"
        for i in range(3)
    )
    stored = {"last": np.array([-1]), "epsilon": 1e-12}
    built = model(f"{body} y = Identity(x3)", {"x0": "2, 8"}, stored, np.float32)
    (finding,) = lint_model(built, [NormEpsilonUnderflow], HALF)
    assert finding.message.endswith("as 2 more normalizations do")
    assert len(finding.data["divisions"]) == 3


@pytest.mark.parametrize("size", [200.0, 255.0, 257.0, 1000.0])
def test_squares_beyond_256_leave_zeros_of_a_normalization_in_fp16(size):
    """NumPy, as GPUs do, keeps the squares in fp16 and adds them up in fp32."""
    (finding,) = lint_model(norm("root-mean-square", 1e-3, np.float16), [DecomposedNormInFp16])
    assert finding.severity is Severity.INFO
    x = np.full((2, 8), size, np.float16)
    with np.errstate(over="ignore"):
        squares = x * x
        y = x / np.sqrt(squares.mean(-1, keepdims=True) + np.float16(1e-3))
    assert y.dtype == np.float16
    overflows = size > finding.data["limit"]
    assert np.allclose(y, 0 if overflows else 1, atol=1e-2)


def test_squares_of_weights_do_not_count():
    body = "q = Mul(w, w) v = ReduceMean(q, last) r = Sqrt(v) n = Div(w, r) y = MatMul(x, n)"
    stored = {"w": np.full((8, 4), 0.5), "last": np.array([-1])}
    built = model(body, {"x": "2, 8"}, stored, np.float16)
    assert lint_model(built, [DecomposedNormInFp16]) == []
