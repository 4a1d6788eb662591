"""What recurrent layers keep, against what PyTorch 2.13 keeps on the CPU."""

from __future__ import annotations

from math import prod

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

from archlint.analysis.facts import Facts
from archlint.graph.build import build_graph
from archlint.ops.registry import operators
from archlint.ops.standard.recurrent import workspace_bytes
from archlint.target import Target, Training

# The bytes of the workspace that oneDNN asks for, by steps, sequences, inputs and hidden units.
WORKSPACES = {
    (1, 7, 64, 128): 102400,
    (1, 16, 200, 1): 176128,
    (1, 32, 100, 48): 253952,
    (2, 20, 200, 48): 397312,
    (3, 1, 64, 17): 28672,
    (3, 32, 1, 300): 2129920,
    (5, 4, 128, 128): 180224,
    (9, 1, 31, 17): 28672,
    (9, 1, 32, 300): 180224,
    (9, 7, 31, 3): 77824,
    (9, 16, 48, 1): 217088,
    (9, 20, 1, 1): 118784,
    (14, 7, 1, 128): 815104,
    (14, 20, 100, 48): 1323008,
    (20, 4, 32, 32): 176128,
}


@pytest.mark.parametrize(("sizes", "nbytes"), WORKSPACES.items())
def test_workspace_of_an_lstm(sizes, nbytes):
    assert workspace_bytes(*sizes) == nbytes


@pytest.mark.parametrize(
    ("directions", "biased", "kept"),
    [(1, True, 29884), (1, False, 30940), (2, True, 59348), (2, False, 61460)],
)
def test_an_lstm_without_biases_saves_zeros_as_large_as_its_weights(
    directions: int, kept: int, *, biased: bool
) -> None:
    # PyTorch 2.13: nn.LSTM(5, 6, bias=biased, bidirectional=directions == 2) of 7 steps, 3 samples.
    sizes = {"w": (24, 5), "r": (24, 6)} | ({"b": (48,)} if biased else {})
    stored = [
        numpy_helper.from_array(np.zeros((directions, *size), np.float32), name)
        for name, size in sizes.items()
    ]
    direction = "bidirectional" if directions == 2 else "forward"
    node = helper.make_node(
        "LSTM", ["x", *sizes], ["y", "h", "c"], hidden_size=6, direction=direction
    )
    ends = [
        helper.make_tensor_value_info("x", TensorProto.FLOAT, [7, 3, 5]),
        helper.make_tensor_value_info("y", TensorProto.FLOAT, [7, directions, 3, 6]),
    ]
    graph = helper.make_graph([node], "g", ends[:1], ends[1:], stored)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    facts = Facts(build_graph(model), Target(training=Training("sgd", loss="none")), operators())
    assert facts.saved.total.value == kept


# nn.NAME(inputs, hidden, bidirectional=...) of pack_padded_sequence(..., lengths): PyTorch 2.13.
PACKED = {
    ("LSTM", 20, 24, (12, 1, 1), 1): 10912,
    ("LSTM", 20, 24, (12, 9, 5), 1): 19936,
    ("LSTM", 20, 24, (12, 9, 5), 2): 37792,
    ("LSTM", 20, 24, (12, 12, 12), 2): 167744,
    ("GRU", 20, 24, (12, 1, 1), 2): 20320,
    ("GRU", 20, 24, (12, 9, 5), 2): 37408,
    ("GRU", 20, 24, (12, 12, 11), 1): 26416,
    ("RNN", 8, 16, (7, 1), 2): 1664,
    ("RNN", 8, 16, (7, 6), 2): 2464,
}


@pytest.mark.parametrize(("layer", "kept"), PACKED.items())
def test_saved_bytes_of_a_packed_batch_depend_on_its_lengths(layer, kept):
    name, inputs, hidden, lengths, directions = layer
    gates = {"LSTM": 4, "GRU": 3, "RNN": 1}[name] * hidden
    sizes = {"w": (gates, inputs), "r": (gates, hidden), "b": (2 * gates,)}
    stored = [
        numpy_helper.from_array(np.zeros((directions, *size), np.float32), weight)
        for weight, size in sizes.items()
    ]
    node = helper.make_node(
        name,
        ["x", *sizes, "lengths"],
        ["y"],
        hidden_size=hidden,
        direction="bidirectional" if directions == 2 else "forward",
        **({"linear_before_reset": 1} if name == "GRU" else {}),
    )
    batch = [max(lengths), len(lengths)]
    given = [
        helper.make_tensor_value_info("x", TensorProto.FLOAT, [*batch, inputs]),
        helper.make_tensor_value_info("lengths", TensorProto.INT32, batch[1:]),
    ]
    made = [
        helper.make_tensor_value_info(
            "y", TensorProto.FLOAT, [batch[0], directions, batch[1], hidden]
        )
    ]
    graph = helper.make_graph([node], "g", given, made, stored)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])

    facts = Facts(build_graph(model), Target(training=Training("sgd", loss="none")), operators())

    assert facts.saved.total.low <= kept <= facts.saved.total.high
    assert facts.saved.bounded == ((name, "the lengths of the sequences"),)
    (work,) = (each for each in facts.compute.of_node.values() if each.is_bounded)
    assert work.depends_on == "how long the sequences are"
    macs = facts.compute.forward_macs
    assert macs.low <= sum(lengths) * directions * gates * (inputs + hidden) <= macs.high
    assert (macs.low, macs.high) == tuple(
        steps * directions * gates * (inputs + hidden) for steps in (sum(batch) - 1, prod(batch))
    )
