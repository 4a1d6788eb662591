"""Contributed attention against onnxruntime and closed forms."""

import numpy as np

from sample_arrays import floats, number, unsigned

# Operator, inputs, number of outputs, attributes, and the multiply-accumulates of its products.
CONTRIBUTED = [
    (
        "Attention",
        [floats(2, 5, 8), floats(8, 24), floats(24)],
        1,
        {"num_heads": 2},
        2 * 5 * 8 * 24 + 2 * 2 * 5 * 5 * 8,
    ),
    (
        "Attention",
        [floats(2, 5, 8), floats(8, 22), floats(22)],
        1,
        {"num_heads": 2, "qkv_hidden_sizes": [8, 8, 6]},
        2 * 5 * 8 * 22 + 2 * 5 * 5 * (8 + 6),
    ),
    (
        "Attention",
        [floats(2, 5, 8), floats(8, 24), floats(24), None, floats(2, 2, 2, 3, 4)],
        2,
        {"num_heads": 2, "unidirectional": 1},
        2 * 5 * 8 * 24 + 2 * 2 * 5 * 8 * 8,
    ),
    (
        "MultiHeadAttention",
        [floats(2, 5, 8), floats(2, 6, 8), floats(2, 6, 4)],
        1,
        {"num_heads": 2},
        2 * 5 * 6 * (8 + 4),
    ),
    (
        "MultiHeadAttention",
        [
            floats(2, 5, 8),
            floats(2, 5, 8),
            floats(2, 5, 8),
            None,
            None,
            None,
            floats(2, 2, 3, 4),
            floats(2, 2, 3, 4),
        ],
        3,
        {"num_heads": 2},
        2 * 5 * 8 * 16,
    ),
    (
        "MultiHeadAttention",
        [floats(2, 5, 8), floats(2, 2, 6, 4), floats(2, 2, 6, 4)],
        1,
        {"num_heads": 2},
        2 * 5 * 6 * 16,
    ),
    (
        "GroupQueryAttention",
        [
            floats(2, 5, 32),
            floats(2, 5, 16),
            floats(2, 5, 16),
            None,
            None,
            number([4, 4], np.int32),
            number(5, np.int32),
        ],
        3,
        {"num_heads": 4, "kv_num_heads": 2},
        2 * 5 * 5 * 64,
    ),
    (
        "GroupQueryAttention",
        [floats(1, 5, 64), None, None, None, None, number([4], np.int32), number(5, np.int32)],
        3,
        {"num_heads": 4, "kv_num_heads": 2},
        5 * 5 * 64,
    ),
    (
        "GroupQueryAttention",
        [
            floats(1, 1, 32),
            floats(1, 1, 16),
            floats(1, 1, 16),
            floats(1, 2, 6, 8),
            floats(1, 2, 6, 8),
            number([6], np.int32),
            number(7, np.int32),
        ],
        3,
        {"num_heads": 4, "kv_num_heads": 2},
        7 * 64,
    ),
    (
        "QAttention",
        [
            unsigned(2, 5, 8),
            unsigned(8, 24),
            floats(24),
            number(0.1, np.float32),
            number(0.1, np.float32),
            None,
            number(3, np.uint8),
            number(3, np.uint8),
        ],
        1,
        {"num_heads": 2},
        2 * 5 * 8 * 24 + 2 * 2 * 5 * 5 * 8,
    ),
    (
        "DecoderMaskedMultiHeadAttention",
        [
            floats(2, 1, 8),
            floats(2, 1, 8),
            floats(2, 1, 8),
            None,
            None,
            floats(2, 2, 6, 4),
            floats(2, 2, 6, 4),
            number([3], np.int32),
        ],
        3,
        {"num_heads": 2, "past_present_share_buffer": 1},
        2 * 4 * 16,
    ),
    (
        "LinearAttention",
        [floats(2, 5, 8), floats(2, 5, 8), floats(2, 5, 6)],
        2,
        {"q_num_heads": 2, "kv_num_heads": 2, "update_rule": "linear"},
        2 * 2 * 5 * 2 * 4 * 3,
    ),
    (
        "LinearAttention",
        [floats(2, 5, 8), floats(2, 5, 8), floats(2, 5, 6), None, floats(2, 5, 2), floats(2, 5, 2)],
        2,
        {"q_num_heads": 2, "kv_num_heads": 2, "update_rule": "gated_delta"},
        3 * 2 * 5 * 2 * 4 * 3,
    ),
    (
        "CausalConvWithState",
        [floats(2, 4, 9), floats(4, 1, 3), floats(4)],
        2,
        {"activation": "silu"},
        2 * 4 * 9 * 3,
    ),
]


def test_outputs_are_those_that_onnxruntime_makes(probe, case):
    one = probe(*case[:4])

    assert one.shapes == one.observed


def test_products_are_counted(probe, case):
    assert probe(*case[:4]).macs == case[4]
