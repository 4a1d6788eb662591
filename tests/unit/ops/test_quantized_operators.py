"""Operators of onnxruntime's quantizer against onnxruntime and closed forms."""

import numpy as np

from sample_arrays import floats, integers, number, unsigned

SCALE, ZERO = number(0.1, np.float32), number(3, np.uint8)


def quantized(*shape):
    return [unsigned(*shape), SCALE, ZERO]


# Operator, inputs, number of outputs, attributes, and the multiply-accumulates of its products.
CONTRIBUTED = [
    ("QLinearAdd", [*quantized(2, 3, 4), *quantized(4), SCALE, ZERO], 1, {}, 0),
    ("QLinearMul", [*quantized(3, 1), *quantized(2, 1, 4), SCALE, ZERO], 1, {}, 0),
    (
        "QLinearWhere",
        [integers(2, 3, below=2, dtype=np.bool_), *quantized(2, 3), *quantized(3), SCALE, ZERO],
        1,
        {},
        0,
    ),
    ("QLinearConcat", [SCALE, ZERO, *quantized(2, 3), *quantized(2, 5)], 1, {"axis": 1}, 0),
    ("QLinearSigmoid", [*quantized(2, 3), SCALE, ZERO], 1, {}, 0),
    ("QLinearLeakyRelu", [*quantized(2, 3), SCALE, ZERO], 1, {"alpha": 0.1}, 0),
    ("QLinearSoftmax", [*quantized(2, 3), SCALE, ZERO], 1, {"axis": -1, "opset": 13}, 0),
    (
        "QLinearAveragePool",
        [*quantized(1, 3, 8, 8), SCALE, ZERO],
        1,
        {"kernel_shape": [3, 3], "strides": [2, 2]},
        0,
    ),
    (
        "QLinearAveragePool",
        [*quantized(1, 8, 9, 3), SCALE, ZERO],
        1,
        {"kernel_shape": [3, 3], "channels_last": 1},
        0,
    ),
    ("QLinearGlobalAveragePool", [*quantized(2, 3, 8, 8), SCALE, ZERO], 1, {}, 0),
    ("QLinearGlobalAveragePool", [*quantized(2, 8, 8, 3), SCALE, ZERO], 1, {"channels_last": 1}, 0),
    (
        "QLinearConv",
        [*quantized(1, 9, 8, 3), unsigned(4, 3, 3, 3), SCALE, ZERO, SCALE, ZERO],
        1,
        {"channels_last": 1},
        4 * 7 * 6 * 27,
    ),
    (
        "QLinearConv",
        [*quantized(1, 3, 9, 8), unsigned(4, 3, 3, 3), SCALE, ZERO, SCALE, ZERO, integers(4)],
        1,
        {},
        4 * 7 * 6 * 27,
    ),
    (
        "QGemm",
        [*quantized(5, 7), *quantized(3, 7), integers(3), SCALE, ZERO],
        1,
        {"transB": 1},
        5 * 7 * 3,
    ),
    ("QGemm", [*quantized(5, 7), *quantized(7, 3)], 1, {}, 5 * 7 * 3),
    (
        "MatMulIntegerToFloat",
        [unsigned(2, 5, 7), unsigned(7, 3), SCALE, SCALE, ZERO, ZERO, floats(3)],
        1,
        {},
        2 * 5 * 7 * 3,
    ),
    ("DynamicQuantizeMatMul", [floats(2, 5, 7), unsigned(7, 3), SCALE, ZERO], 1, {}, 2 * 5 * 7 * 3),
    (
        "MatMulInteger16",
        [integers(2, 5, 7, dtype=np.int16), integers(7, 3, dtype=np.int16)],
        1,
        {},
        2 * 5 * 7 * 3,
    ),
    (
        "DynamicQuantizeLSTM",
        [
            floats(6, 2, 5),
            unsigned(1, 5, 12),
            unsigned(1, 3, 12),
            floats(1, 24),
            None,
            None,
            None,
            None,
            floats(1),
            unsigned(1),
            floats(1),
            unsigned(1),
        ],
        3,
        {"hidden_size": 3},
        6 * 2 * 12 * (5 + 3),
    ),
    (
        "DynamicQuantizeLSTM",
        [
            floats(6, 2, 5),
            unsigned(2, 5, 12),
            unsigned(2, 3, 12),
            floats(2, 24),
            None,
            None,
            None,
            None,
            floats(2),
            unsigned(2),
            floats(2),
            unsigned(2),
        ],
        3,
        {"hidden_size": 3, "direction": "bidirectional"},
        2 * 6 * 2 * 12 * (5 + 3),
    ),
    (
        "MatMulNBits",
        [floats(2, 5, 32), unsigned(7, 1, 16), floats(7)],
        1,
        {"K": 32, "N": 7, "bits": 4, "block_size": 32},
        2 * 5 * 32 * 7,
    ),
    (
        "MatMulBnb4",
        [floats(5, 32), unsigned(7 * 32 // 2), floats(7)],
        1,
        {"K": 32, "N": 7, "block_size": 32, "quant_type": 1},
        5 * 32 * 7,
    ),
    (
        "GatherBlockQuantized",
        [unsigned(9, 16), integers(2, 5, dtype=np.int64), floats(9, 2)],
        1,
        {"bits": 4, "block_size": 16, "gather_axis": 0, "quantize_axis": 1},
        0,
    ),
    ("QuantizeLinear", [floats(2, 3), SCALE, ZERO], 1, {}, 0),
    ("DequantizeLinear", [*quantized(2, 3)], 1, {}, 0),
    ("NhwcMaxPool", [unsigned(1, 9, 8, 3)], 1, {"kernel_shape": [3, 2], "strides": [2, 1]}, 0),
    (
        "QEmbedLayerNormalization",
        [
            integers(2, 5),
            None,
            unsigned(9, 8),
            unsigned(6, 8),
            None,
            unsigned(8),
            unsigned(8),
            None,
            SCALE,
            SCALE,
            None,
            SCALE,
            SCALE,
            ZERO,
            ZERO,
            None,
            ZERO,
            ZERO,
        ],
        2,
        {},
        0,
    ),
]


def test_outputs_are_those_that_onnxruntime_makes(probe, case):
    one = probe(*case[:4])

    assert one.shapes == one.observed


def test_products_are_counted(probe, case):
    assert probe(*case[:4]).macs == case[4]
