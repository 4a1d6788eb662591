"""What operators read, against what changes in onnxruntime when one place of the input changes."""

import numpy as np
import onnxruntime
import pytest

from archlint.analysis.receptive_field.field import source_field
from archlint.analysis.receptive_field.node_looks import NodeLooks
from archlint.analysis.receptive_field.readings import readings_of
from archlint.analysis.receptive_field.walk import Walk
from archlint.ops.registry import operators

RANDOM = np.random.default_rng(0)


def floats(*shape):
    return RANDOM.normal(0, 1, shape).astype(np.float32)


def indices(*values):
    return np.array(values, np.int64)


# Operator, inputs, attributes, domain, the axis of the input that is followed and that of the
# output where it comes out, and the kind of answer.
MICROSOFT = "com.microsoft"
STATEFUL = {"CausalConvWithState", "LinearAttention"}
CASES = [
    ("CenterCropPad", [floats(2, 9), indices(4)], {"axes": [1]}, "", 1, 1, "local"),
    ("CenterCropPad", [floats(2, 8), indices(3)], {"axes": [1]}, "", 1, 1, "local"),
    ("CenterCropPad", [floats(2, 4), indices(9)], {"axes": [1]}, "", 1, 1, "local"),
    ("STFT", [floats(1, 16, 1), indices(3)[0], floats(5)], {}, "", 1, 1, "local"),
    ("DFT", [floats(1, 6, 3, 1), None, indices(1)[0]], {}, "", 2, 2, "local"),
    ("AffineGrid", [floats(4, 2, 3), indices(4, 3, 5, 6)], {}, "", 0, 0, "local"),
    (
        "FusedConv",
        [floats(1, 2, 9, 8), floats(3, 2, 3, 2)],
        {"strides": [2, 1]},
        MICROSOFT,
        2,
        2,
        "local",
    ),
    ("FusedMatMul", [floats(4, 6), floats(4, 5)], {"transA": 1}, MICROSOFT, 1, 0, "local"),
    (
        "FusedMatMul",
        [floats(5, 2, 7), floats(2, 7, 3)],
        {"transBatchA": 1},
        MICROSOFT,
        0,
        1,
        "local",
    ),
    (
        "FusedMatMul",
        [floats(5, 2, 7), floats(2, 7, 3)],
        {"transBatchA": 1},
        MICROSOFT,
        1,
        0,
        "local",
    ),
    (
        "SkipLayerNormalization",
        [floats(2, 5, 8), floats(2, 5, 8), floats(8), floats(8)],
        {},
        MICROSOFT,
        1,
        1,
        "local",
    ),
    ("UnfoldTensor", [floats(2, 9)], {"dim": 1, "size": 3, "step": 2}, MICROSOFT, 1, 1, "local"),
    ("QuickGelu", [floats(2, 5)], {}, MICROSOFT, 1, 1, "local"),
    ("CausalConvWithState", [floats(1, 2, 9), floats(2, 1, 4)], {}, MICROSOFT, 2, 2, "local"),
    (
        "LinearAttention",
        [floats(1, 6, 4), floats(1, 6, 4), floats(1, 6, 4)],
        {"q_num_heads": 2, "kv_num_heads": 2, "update_rule": "linear"},
        MICROSOFT,
        1,
        1,
        "local",
    ),
    (
        "MultiHeadAttention",
        [floats(1, 6, 4), floats(1, 5, 4), floats(1, 5, 4)],
        {"num_heads": 2},
        MICROSOFT,
        1,
        1,
        "local",
    ),
    (
        "Attention",
        [floats(1, 6, 4), floats(4, 12), floats(12)],
        {"num_heads": 2},
        MICROSOFT,
        1,
        1,
        "global",
    ),
    (
        "Attention",
        [floats(1, 6, 4), floats(4, 12), floats(12)],
        {"num_heads": 2, "unidirectional": 1},
        MICROSOFT,
        1,
        1,
        "past",
    ),
]


def follow(graph, axis):
    """Return the field of the first output along an axis of the input, features or not."""
    walk = Walk({"i0": source_field(graph.values["i0"].shape, axis)})
    walk.follow(readings_of(graph, NodeLooks(operators()), graph.inputs))
    return walk.fields["o0"]


def changed(one, axis, target):
    """Return, for each place of the output's axis, the places of the input's that move it."""
    session = onnxruntime.InferenceSession(
        one.model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    data = one.inputs[0]
    before = session.run(["o0"], {"i0": data})[0]
    reads = [set() for _ in range(before.shape[target])]
    for place in range(data.shape[axis]):
        other = data.copy()
        np.moveaxis(other, axis, 0)[place] += 1.5
        moved = np.moveaxis(session.run(["o0"], {"i0": other})[0] != before, target, 0)
        for position, differs in enumerate(moved):
            if differs.any():
                reads[position].add(place)
    return reads


@pytest.mark.parametrize(
    "case", CASES, ids=[f"{case[0]} {case[4]} {' '.join(case[2])}" for case in CASES]
)
def test_an_output_reads_the_inputs_that_change_it(probe, case):
    op, inputs, attributes, domain, axis, target, kind = case
    outputs = 2 if op in STATEFUL else 1
    one = probe(op, inputs, outputs, attributes, domain)
    field = follow(one.graph, axis)
    reads, extent = changed(one, axis, target), inputs[0].shape[axis]

    assert field.kind == kind
    if kind == "global":
        assert all(read == set(range(extent)) for read in reads)
    elif kind == "past":
        assert reads == [set(range(position + 1)) for position in range(len(reads))]
    else:
        along, reach = field.map
        found = [set(reach.at(place).within(0, extent - 1)) for place in range(len(reads))]
        assert along == target
        assert found == reads
