"""Where infinity in a tensor leads."""

from __future__ import annotations

from onnx import parser

from archlint.graph.build import build_graph
from archlint.graph.dimensions.bindings import Bindings
from archlint.ops.infinity import Ending, Fate, Infinities
from archlint.ops.registry import operators


def ending(nodes: str, output: str) -> Ending:
    """Return the worst that infinity in the input `x` does."""
    text = f"""<ir_version: 10, opset_import: ["" : 21]>
    net (float[2, 4] x, float[4, 4] w) => ({output}) {{ {nodes} }}"""
    graph = build_graph(parser.parse_model(text), Bindings())
    return Infinities(graph, operators()).of("x", positive=True)


def test_every_part_of_a_split_is_followed():
    nodes = "a, b = Split <axis = 1, num_outputs = 2> (x) c = Sign(a) d = Softmax(b) y = Add(c, d)"
    assert ending(nodes, "y").fate is Fate.SPOILS


def test_what_is_not_followed_to_its_end_is_not_known():
    nodes = " ".join(f"a{at + 1} = Identity(a{at})" for at in range(1, 90))
    assert ending(f"a1 = Identity(x) {nodes} y = Sign(a90)", "y").fate is Fate.UNKNOWN


def test_a_number_that_is_only_compared_does_no_harm():
    assert ending("y = Sign(x)", "y").fate is Fate.BOUNDS
