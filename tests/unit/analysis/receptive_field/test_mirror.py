"""The walk along one axis, told by that along another one, is the one that was really walked."""

from pathlib import Path

import numpy as np
import onnx
import pytest

from archlint.analysis.receptive_field.field import source_field
from archlint.analysis.receptive_field.mirror import Mirror
from archlint.analysis.receptive_field.node_looks import NodeLooks
from archlint.analysis.receptive_field.readings import Readings, readings_of
from archlint.analysis.receptive_field.walk import Walk
from archlint.graph.build import build_graph
from archlint.graph.dimensions.bindings import Bindings
from archlint.graph.graph import Graph
from archlint.ops.registry import operators

LIGHT = Path(onnx.__file__).parent / "backend" / "test" / "data" / "light"


WEIGHTS = {
    "w": np.zeros((4, 4, 3, 3), np.float32),
    "tall": np.zeros((4, 4, 3, 1), np.float32),
    "one": np.array([1]),
    "two": np.array([2]),
    "last": np.array([100]),
    "pads": np.array([0, 0, 1, 2, 0, 0, 1, 2]),
    "twice": np.array([1, 1, 2, 2], np.float32),
}


def graph_of(body: str, *, batch: int = 16, width: int = 16) -> Graph:
    text = f"""<ir_version: 8, opset_import: ["" : 17]>
    net (float[{batch}, 4, 16, {width}] x) => (y) {{ {body} }}"""
    model = onnx.parser.parse_model(text)
    for name, contents in WEIGHTS.items():
        model.graph.initializer.append(onnx.numpy_helper.from_array(contents, name))
    return build_graph(model, Bindings())


def walked(graph: Graph, readings: Readings, axis: int) -> Walk:
    (name,) = graph.inputs
    walk = Walk({name: source_field(graph.values[name].shape or (), axis)})
    walk.follow(readings)
    return walk


def seen(walk: Walk) -> tuple[object, ...]:
    """Return what a walk found, without its caches."""
    return walk.fields, walk.paths, walk.summed_at, walk.is_features


def told(graph: Graph, first: int = 2, second: int = 3) -> tuple[Walk, bool]:
    """Return the walk along an axis that another one tells, and whether it tells all of it."""
    readings = readings_of(graph, NodeLooks(operators()), graph.inputs)
    mirror = Mirror(walked(graph, readings, first), first, second)
    alike = len(mirror.leading(readings)) == len(list(readings))
    found = mirror.follow(graph.inputs[0], readings)
    assert seen(found) == seen(walked(graph, readings, second))
    return found, alike


ALIKE = [
    "y = Conv <pads = [1, 1, 1, 1], strides = [2, 2]> (x, w)",
    "h = Conv <pads = [1, 1, 1, 1]> (x, w)  y = Add(x, h)",
    "h = Conv <dilations = [3, 3]> (x, w)  a = Relu(h)  y = GlobalAveragePool(a)",
    "h = ConvTranspose <strides = [2, 2]> (x, w)  y = MaxPool <kernel_shape = [2, 2]> (h)",
    "h = Resize(x, , twice)  y = Conv(h, w)",
    "h = AveragePool <kernel_shape = [1, 1]> (x)  y = Concat <axis = 1> (x, h)",
    "p = GlobalAveragePool(x)  s = Sigmoid(p)  h = Mul(x, s)  y = Conv(h, w)",
    "h = Conv(x, w)  p = GlobalMaxPool(h)  y = Flatten(p)",
    "h = Conv(x, w)  y = Transpose <perm = [0, 1, 3, 2]> (h)",
]
APART = [
    "y = Conv <pads = [1, 0, 1, 0]> (x, tall)",
    "y = Conv <pads = [1, 0, 1, 2]> (x, w)",
    "y = Conv <strides = [1, 2]> (x, w)",
    "h = Conv(x, w)  y = Softmax <axis = 3> (h)",
    "h = Conv(x, w)  y = Pad(h, pads)",
    "h = Conv(x, w)  y = Slice(h, one, last, two)",
    "h = Conv(x, w)  y = Concat <axis = 2> (h, h)",
    "h = Conv(x, w)  y = Flatten(h)",
    "h = Transpose <perm = [0, 2, 3, 1]> (x)  y = Transpose <perm = [0, 3, 1, 2]> (h)",
    "h = Transpose <perm = [0, 1, 3, 2]> (x)  y = Conv <pads = [1, 0, 1, 2]> (h, w)",
    "h = Conv(x, w)  p = AveragePool <kernel_shape = [1, 2]> (h)  y = Conv(p, w)",
    "h = Conv(x, w)  p = Conv <strides = [0, 0]> (h, w)  y = Relu(p)",  # nobody can follow it
]


@pytest.mark.parametrize(
    ("body", "alike"), [*((body, True) for body in ALIKE), *((body, False) for body in APART)]
)
def test_an_axis_reuses_the_walk_of_another_that_is_treated_alike(body: str, alike: bool) -> None:
    assert told(graph_of(body))[1] is alike


@pytest.mark.parametrize("body", [*ALIKE, *APART])
def test_the_batch_axis_reuses_only_equal_walks(body: str) -> None:
    told(graph_of(body), 0, 2)


@pytest.mark.parametrize("path", sorted(LIGHT.glob("*.onnx")), ids=lambda path: path.stem)
def test_reused_walks_equal_computed_ones_for_published_networks(path: Path) -> None:
    graph = build_graph(onnx.load(str(path), load_external_data=False), Bindings())
    assert len(told(graph)[0].fields) > 20
