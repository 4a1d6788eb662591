"""What a model leaves open, and what binds it."""

import pytest
from onnx import TensorProto, helper

from archlint.graph.build import build_graph
from archlint.graph.dimensions.bindings import Bindings
from archlint.graph.dimensions.open_dims import open_dims, with_sizes


def model(**shapes):
    """Return a model with inputs of these shapes, each passed on."""
    inputs = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
        for name, shape in shapes.items()
    ]
    outputs = [
        helper.make_tensor_value_info(f"{name}_out", TensorProto.FLOAT, None) for name in shapes
    ]
    nodes = [helper.make_node("Relu", [name], [f"{name}_out"]) for name in shapes]
    return helper.make_model(helper.make_graph(nodes, "net", inputs, outputs))


@pytest.mark.parametrize(
    ("shapes", "found"),
    [
        ({"x": [2, 3]}, {}),
        ({"x": ["N", 3, "T"]}, {"N": True, "T": False}),
        ({"x": ["batch", "T"], "y": ["batch", "T"]}, {"batch": True, "T": False}),
        ({"x": ["batch", 1], "y": ["decoder_batch", "S"]}, {"batch": True, "S": False}),
        ({"x": [None, 3, None]}, {"x.0": True, "x.2": False}),
        ({"x": ["N", "past + now"], "y": ["N", "past"]}, {"N": True, "past": False, "now": False}),
        ({"x": ["N", "2 * T"]}, {"N": True, "T": False}),
        ({"x": ["N", "a length"]}, {"N": True, "a length": False}),
        ({"x": [1, "T"]}, {"T": False}),
    ],
)
def test_every_symbol_is_open_once(shapes, found):
    graph = build_graph(model(**shapes))
    assert {dim.name: dim.is_batch for dim in open_dims(graph)} == found


def test_unnamed_axes_at_the_same_index_have_one_size():
    graph = build_graph(model(tokens=[None, None], mask=[None, None], lengths=[None]))
    batch, length = open_dims(graph)
    assert batch.axes == (("tokens", 0), ("mask", 0), ("lengths", 0))
    assert (batch.equal, batch.flags) == ("", ("--batch-size N",))
    assert length.equal == "tokens.1 = mask.1"
    assert length.flags == ("--dim tokens.1=N", "--dim mask.1=N")


def test_generated_names_only_identify_their_axis():
    names = [[f"{name}_dynamic_axes_{axis}" for axis in (1, 2)] for name in ("tokens", "mask")]
    batch, length = open_dims(build_graph(model(tokens=names[0], mask=names[1])))
    assert batch.is_batch
    assert batch.axes == (("tokens", 0), ("mask", 0))
    assert length.names == ("tokens_dynamic_axes_2", "mask_dynamic_axes_2")


@pytest.mark.parametrize(
    "shapes",
    [
        {"x": ["x_dynamic_axes_1", "x_dynamic_axes_2"], "y": ["y_dynamic_axes_1", 3]},
        {"tokens": [None, None], "mask": [None, None]},
        {"x": ["N", "2 * T"], "y": ["N", "T", "a length"]},
        {"x": ["batch", 1], "y": ["decoder_batch", "S"]},
        {"x": ["rows", None], "y": ["rows", "columns"]},
    ],
)
def test_sizes_for_all_leave_nothing_open(shapes):
    proto = model(**shapes)
    sizes = dict.fromkeys(open_dims(build_graph(proto)), 4)
    graph = build_graph(proto, with_sizes(Bindings(dims={"other": 5}), sizes))
    assert open_dims(graph) == ()
    assert graph.unused_bindings == ("other",)
