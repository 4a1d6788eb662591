"""Sequences are written out as the tensors in them."""

import numpy as np
import pytest
from onnx import parser

from archlint.graph.build import build_graph

HEAD = '<ir_version: 10, opset_import: ["" : 21]>\n'
DATA = "g (float[2, 7, 4] x, float[2, 3, 4] z) => "
MODELS = {
    "parts of given sizes": (
        """(float[N, M, K] y) {
            sizes = Constant <value_ints = [2, 5]> ()
            one = Constant <value_int = 1> ()
            parts = SplitToSequence <axis = 1> (x, sizes)
            y = SequenceAt (parts, one)
        }""",
        ["Split", "Identity"],
    ),
    "parts of one size, the last one shorter": (
        """(float[N, M, K] y) {
            size = Constant <value_int = 3> ()
            last = Constant <value_int = -1> ()
            parts = SplitToSequence <axis = 1> (x, size)
            y = SequenceAt (parts, last)
        }""",
        ["Split", "Identity"],
    ),
    "parts of the same split, made twice, and of another one": (
        """(float[N, M, K] y) {
            size = Constant <value_int = 2> ()
            again = Constant <value_int = 2> ()
            first = Constant <value_int = 0> ()
            last = Constant <value_int = -1> ()
            parts = SplitToSequence <axis = 2> (x, size)
            same = SplitToSequence <axis = 2> (x, again)
            halves = SplitToSequence <axis = 0> (x)
            one = SequenceAt (parts, first)
            two = SequenceAt (same, last)
            half = SequenceAt (halves, first)
            whole = Concat <axis = 2> (one, two)
            y = Add (whole, half)
        }""",
        ["Split", "Split", "Identity", "Identity", "Identity", "Concat", "Add"],
    ),
    "rows without their axis": (
        """(float[N, M] y) {
            place = Constant <value_int = 2> ()
            rows = SplitToSequence <axis = 1, keepdims = 0> (x)
            y = SequenceAt (rows, place)
        }""",
        ["Split", *["Squeeze"] * 7, "Identity"],
    ),
    "tensors side by side": (
        """(float[N, M, K] y) {
            pair = SequenceConstruct (x, z)
            y = ConcatFromSequence <axis = 1> (pair)
        }""",
        ["Concat"],
    ),
    "tensors on a new axis": (
        """(float[N, M, K, L] y) {
            pair = SequenceConstruct (x, x)
            y = ConcatFromSequence <axis = -1, new_axis = 1> (pair)
        }""",
        ["Unsqueeze", "Unsqueeze", "Concat"],
    ),
    "a sequence that is built and taken apart": (
        """(float[N, M, K] y) {
            zero = Constant <value_int = 0> ()
            none = SequenceEmpty ()
            first = SequenceInsert (none, x)
            both = SequenceInsert (first, z, zero)
            rest = SequenceErase (both)
            y = SequenceAt (rest, zero)
        }""",
        ["Identity"],
    ),
    "the number of parts": (
        """(int64[2] y) {
            parts = SplitToSequence <axis = 1> (x)
            many = SequenceLength (parts)
            dims = Constant <value_ints = [0]> ()
            row = Unsqueeze (many, dims)
            y = Concat <axis = 0> (row, row)
        }""",
        ["Split", "Unsqueeze", "Concat"],
    ),
}


@pytest.mark.parametrize("name", MODELS)
def test_items_are_the_tensors_themselves(name, observe):
    text, expected = MODELS[name]
    model = parser.parse_model(HEAD + DATA + text)
    graph = build_graph(model)
    feeds = {"x": np.ones((2, 7, 4), np.float32), "z": np.ones((2, 3, 4), np.float32)}

    assert [node.op for node in graph.nodes if node.op != "Constant"] == expected
    assert graph.values["y"].sizes == observe(model, feeds)["y"].shape
    for node in graph.nodes:
        assert graph.values.keys() >= set(filter(None, node.inputs))


def test_a_split_keeps_a_symbolic_axis():
    graph = build_graph(
        parser.parse_model(
            HEAD
            + """g (float[N, 6] x) => (float[N, M] y) {
                sizes = Constant <value_ints = [2, 4]> ()
                one = Constant <value_int = 1> ()
                parts = SplitToSequence <axis = 1> (x, sizes)
                y = SequenceAt (parts, one)
            }"""
        )
    )

    assert graph.values["y"].shape == ("N", 4)
    assert graph.producers["y"].op == "Identity"


def test_a_sequence_that_leaves_the_graph_stays():
    graph = build_graph(
        parser.parse_model(
            HEAD
            + """g (float[2, 6] x) => (seq(float[2, M]) parts, float[2, 3] y) {
                size = Constant <value_int = 3> ()
                zero = Constant <value_int = 0> ()
                parts = SplitToSequence <axis = 1> (x, size)
                y = SequenceAt (parts, zero)
            }"""
        )
    )

    assert [node.op for node in graph.nodes if node.op != "Constant"] == [
        "Split",
        "SplitToSequence",
        "Identity",
    ]


def test_an_item_at_a_computed_position_stays():
    graph = build_graph(
        parser.parse_model(
            HEAD
            + """g (float[2, 6] x, int64 place) => (float[2, 3] y) {
                size = Constant <value_int = 3> ()
                parts = SplitToSequence <axis = 1> (x, size)
                y = SequenceAt (parts, place)
            }"""
        )
    )

    assert graph.producers["y"].op == "SequenceAt"
    assert "SplitToSequence" in [node.op for node in graph.nodes]
