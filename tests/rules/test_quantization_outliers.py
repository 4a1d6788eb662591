"""NUM009: weights that 8 bits with one scale leave little of, as quantizing them shows."""

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

from archlint.testing import lint_model
from archlint_rules.numerics.quantization_outliers import QuantizationOutliers

INT8 = {"deploy-dtype": "int8"}


def product(weight, *, scale=None):
    """Return a product with a weight (outputs, inputs), quantized where there is a scale."""
    stored, nodes, name = [numpy_helper.from_array(weight, "weight")], [], "weight"
    if scale is not None:
        stored.append(numpy_helper.from_array(np.asarray(scale, np.float32), "scale"))
        nodes.append(helper.make_node("DequantizeLinear", ["weight", "scale"], ["w"], axis=0))
        name = "w"
    outputs, inputs = weight.shape
    graph = helper.make_graph(
        [*nodes, helper.make_node("Gemm", ["x", name], ["y"], transB=1)],
        "product",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [2, inputs])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [2, outputs])],
        stored,
    )
    return helper.make_model(graph, ir_version=9, opset_imports=[helper.make_opsetid("", 18)])


def drawn(outputs=16, inputs=64):
    return np.random.default_rng(0).normal(0, 0.1, (outputs, inputs)).astype(np.float32)


def quantized(weight, axis=None):
    """Return a weight in int8 with one scale, or one for each channel, and the scales."""
    scale = np.abs(weight).max(axis=axis, keepdims=axis is not None) / 127
    scale = np.where(scale == 0, 1, scale)
    return np.round(weight / scale).astype(np.int8), scale.reshape(-1) if axis else scale


@pytest.mark.parametrize("factor", [1, 10, 29, 31, 1000])
def test_an_outlier_is_reported_where_the_typical_weight_has_few_steps(factor):
    weight = drawn(64)
    weight[3, 5] = 0
    typical = np.sqrt(np.square(weight, dtype=np.float64).mean() * weight.size / (weight.size - 1))
    weight[3, 5] = -factor * typical
    steps = 127 * np.sqrt(np.square(weight, dtype=np.float64).mean()) / np.abs(weight).max()
    findings = lint_model(product(weight), [QuantizationOutliers], INT8)
    assert bool(findings) == (steps < 127 / 30)
    if findings:
        assert findings[0].data["steps"] == pytest.approx(steps, rel=1e-3)
    assert lint_model(product(weight), [QuantizationOutliers]) == []


def test_zeros_of_a_pruned_weight_cost_no_precision():
    """1 of 4096 numbers is not zero, and 8 bits hold it exactly."""
    weight = np.zeros((64, 64), np.float32)
    weight[:, 7] = np.where(np.arange(64) % 2, 0.5, 0)
    integers, scale = quantized(weight)
    assert integers * scale == pytest.approx(weight)
    assert lint_model(product(weight), [QuantizationOutliers], INT8) == []


def test_a_device_of_nothing_but_int8_implies_quantization():
    weight = drawn()
    weight[0, 0] = 100
    found = lint_model(product(weight), [QuantizationOutliers], {"device": "coral-edgetpu"})
    assert [each.code for each in found] == ["NUM009"]


@pytest.mark.parametrize("range_ratio", [10, 50, 130, 1000])
@pytest.mark.parametrize("axis", [None, 1])
def test_channels_with_three_values_left_are_found(range_ratio, axis):
    weight = drawn()
    top = np.abs(weight).max()
    for channel in (2, 9):
        weight[channel] *= top / range_ratio / np.abs(weight[channel]).max()
    integers, scale = quantized(weight, axis)
    values = [set(row.tolist()) for row in integers]
    coarse = [place for place, each in enumerate(values) if each <= {-1, 0, 1} and len(each) > 1]
    findings = lint_model(product(integers, scale=scale), [QuantizationOutliers])
    assert [each.data["channels"] for each in findings] == [coarse] * bool(coarse)
    assert bool(coarse) == (axis is None and range_ratio == 130)


def test_channels_of_zeros_alone_may_be_pruned():
    weight = drawn()
    weight[4] = 0
    integers, scale = quantized(weight)
    assert lint_model(product(integers, scale=scale), [QuantizationOutliers]) == []
