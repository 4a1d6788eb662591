"""Operators of onnxruntime's optimizer against onnxruntime and closed forms."""

import numpy as np

from sample_arrays import floats, integers, number

# Operator, inputs, number of outputs, attributes, and the multiply-accumulates of its products.
CONTRIBUTED = [
    (
        "FusedConv",
        [floats(2, 3, 9, 8), floats(4, 3, 3, 3), floats(4)],
        1,
        {"activation": "Relu"},
        2 * 4 * 7 * 6 * 27,
    ),
    (
        "FusedConv",
        [floats(1, 4, 8, 8), floats(6, 2, 3, 3), floats(6), floats(1, 6, 4, 4)],
        1,
        {"strides": [2, 2], "pads": [1, 1, 1, 1], "group": 2, "activation": "Relu"},
        6 * 16 * 18,
    ),
    (
        "FusedGemm",
        [floats(5, 7), floats(3, 7), floats(3)],
        1,
        {"transB": 1, "activation": "Relu"},
        5 * 7 * 3,
    ),
    ("FusedMatMul", [floats(2, 5, 7), floats(2, 7, 3)], 1, {"alpha": 0.5}, 2 * 5 * 7 * 3),
    (
        "FusedMatMul",
        [floats(2, 7, 5), floats(2, 3, 7)],
        1,
        {"transA": 1, "transB": 1},
        2 * 5 * 7 * 3,
    ),
    ("FusedMatMul", [floats(5, 2, 7), floats(2, 7, 3)], 1, {"transBatchA": 1}, 2 * 5 * 7 * 3),
    (
        "FusedMatMul",
        [floats(7, 2, 4, 5), floats(2, 4, 7, 3)],
        1,
        {"transBatchA": 1, "transA": 1},
        2 * 4 * 5 * 7 * 3,
    ),
    (
        "FusedMatMul",
        [floats(2, 4, 5, 7), floats(7, 2, 4, 3)],
        1,
        {"transBatchB": 1},
        2 * 4 * 5 * 7 * 3,
    ),
    ("FusedMatMul", [floats(3, 2, 5, 7), floats(7, 3)], 1, {}, 3 * 2 * 5 * 7 * 3),
    ("TransposeMatMul", [floats(2, 7, 5), floats(2, 7, 3)], 1, {"transA": 1}, 2 * 5 * 7 * 3),
    ("BiasGelu", [floats(2, 3, 4), floats(4)], 1, {}, 0),
    ("FastGelu", [floats(2, 3, 4), floats(4)], 1, {}, 0),
    ("FastGelu", [floats(2, 3, 4)], 1, {}, 0),
    ("QuickGelu", [floats(2, 3, 4)], 1, {"alpha": 1.7}, 0),
    ("Gelu", [floats(2, 3, 4)], 1, {}, 0),
    (
        "SkipLayerNormalization",
        [floats(2, 5, 8), floats(2, 5, 8), floats(8), floats(8), floats(8)],
        1,
        {},
        0,
    ),
    ("SkipLayerNormalization", [floats(2, 5, 8), floats(5, 8), floats(8), floats(8)], 4, {}, 0),
    ("SkipSimplifiedLayerNormalization", [floats(2, 5, 8), floats(2, 5, 8), floats(8)], 4, {}, 0),
    (
        "EmbedLayerNormalization",
        [
            integers(2, 5),
            integers(2, 5, below=2),
            floats(9, 8),
            floats(6, 8),
            floats(2, 8),
            floats(8),
            floats(8),
            integers(2, 5, below=2),
        ],
        3,
        {},
        0,
    ),
    (
        "EmbedLayerNormalization",
        [integers(2, 5), None, floats(9, 8), floats(6, 8), None, floats(8), floats(8)],
        2,
        {},
        0,
    ),
    ("Trilu", [floats(2, 4, 5)], 1, {}, 0),
    ("GridSample", [floats(2, 3, 6, 6), floats(2, 4, 5, 2)], 1, {}, 0),
    (
        "CropAndResize",
        [floats(2, 3, 6, 6), floats(4, 4), integers(4, below=2), number([3, 2], np.int32)],
        1,
        {},
        0,
    ),
    ("UnfoldTensor", [floats(2, 9, 4)], 1, {"dim": 1, "size": 3, "step": 2}, 0),
    ("ExpandDims", [floats(2, 3), number(1, np.int32)], 1, {}, 0),
    ("CDist", [floats(5, 7), floats(3, 7)], 1, {"metric": "euclidean"}, 5 * 7 * 3),
    ("MurmurHash3", [integers(2, 3)], 1, {}, 0),
    ("NGramRepeatBlock", [integers(2, 5, dtype=np.int64), floats(2, 9)], 1, {"ngram_size": 2}, 0),
    (
        "MaxpoolWithMask",
        [floats(1, 2, 6, 6), integers(1, 2, 6, 6)],
        1,
        {"kernel_shape": [2, 2], "strides": [2, 2]},
        0,
    ),
    (
        "RotaryEmbedding",
        [floats(2, 3, 8), integers(2, 3, dtype=np.int64), floats(9, 2), floats(9, 2)],
        1,
        {},
        0,
    ),
    (
        "MoE",
        [floats(2, 5, 8), floats(10, 4), floats(4, 16, 8), None, floats(4, 8, 16)],
        1,
        {"k": 2, "activation_type": "relu"},
        10 * 2 * 2 * 8 * 16,
    ),
    (
        "MoE",
        [floats(10, 8), floats(10, 4), floats(4, 32, 8), None, floats(4, 8, 16)],
        1,
        {"k": 2, "activation_type": "swiglu", "swiglu_fusion": 1},
        10 * 2 * 3 * 8 * 16,
    ),
]


def test_outputs_are_those_that_onnxruntime_makes(probe, case):
    one = probe(*case[:4])

    assert one.shapes == one.observed


def test_products_are_counted(probe, case):
    assert probe(*case[:4]).macs == case[4]
