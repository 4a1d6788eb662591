"""Tables of positions that end: a refusal where onnxruntime fails, and only there."""

import numpy as np
import onnx
import onnxruntime
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import numpy_helper, parser

from archlint.graph.build import build_graph
from archlint.graph.dimensions.bindings import Bindings

WAYS = {
    "plain": ("", "range"),
    "a batch in front": ("rows = Unsqueeze(range, first)", "rows"),
    "from 2 on": ("rows = Add(range, two)", "rows"),
    "in another type": ("narrow = Cast <to = 6> (range) rows = Unsqueeze(narrow, first)", "rows"),
    "backwards": ("rows = Neg(range)", "rows"),
}
"""What models do to `range = 0 ... T - 1` before they look it up."""


def positions(way: str, rows: int) -> onnx.ModelProto:
    """Return a model that looks up a row of a table for each position of a sequence."""
    made, name = WAYS[way]
    model = parser.parse_model(
        '<ir_version: 9, opset_import: ["" : 18]>\n'
        "g (int64[1, T] x) => (float[a, b] y) <int64 zero = {0}, int64 one = {1}, int64 two = {2}, "
        "int64[1] first = {0}> { sizes = Shape <start = 1, end = 2> (x) length = Squeeze(sizes) "
        f"range = Range(zero, length, one) {made} y = Gather(table, {name}) }}"
    )
    del model.graph.output[0].type.tensor_type.shape.dim[:]
    model.graph.output[0].type.tensor_type.ClearField("shape")
    table = np.zeros((rows, 2), np.float32)
    model.graph.initializer.append(numpy_helper.from_array(table, "table"))
    return model


def runs(model: onnx.ModelProto, length: int) -> bool:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    # Optimized, a plain lookup becomes a slice, which is cut off where the table ends.
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(model.SerializeToString(), options)
    try:
        session.run(None, {"x": np.zeros((1, length), np.int64)})
    except onnxruntime.capi.onnxruntime_pybind11_state.InvalidArgument:
        return False
    return True


@given(
    way=st.sampled_from([*WAYS]),
    rows=st.integers(1, 2000),
    beyond=st.integers(-3, 3) | st.just(900),
)
def test_a_missing_row_is_reported_where_a_runtime_fails(way, rows, beyond):
    model, length = positions(way, rows), max(rows + beyond, 1)
    if way == "backwards" and length > 1024:
        length = 1024  # what no rule follows any further is not known
    refusals = build_graph(model, Bindings(None, {"T": length})).refusals
    assert (not refusals) == runs(model, length)


@pytest.mark.parametrize(("way", "last"), [("plain", 5999), ("from 2 on", 6001)])
def test_many_positions_are_represented_by_their_largest(way, last):
    graph = build_graph(positions(way, 64), Bindings(None, {"T": 6000}))
    assert graph.refusals == {"y": f"it looks up position {last} of a table of 64"}


def test_unknown_indices_are_not_reported():
    assert not build_graph(positions("plain", 64), Bindings(None, {})).refusals
