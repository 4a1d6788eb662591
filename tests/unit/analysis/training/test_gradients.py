"""Which inputs of an operator gradients flow back to."""

from __future__ import annotations

from onnx import parser

from archlint.analysis.facts import Facts
from archlint.graph.build import build_graph
from archlint.graph.dimensions.bindings import Bindings
from archlint.ops.registry import operators
from archlint.target import Target


def needed(nodes: str, name: str) -> tuple[bool, ...]:
    """Return which inputs of a node need a gradient, where `w` is a parameter of eight numbers."""
    numbers = ", ".join("1.0" for _ in range(8))
    text = f"""<ir_version: 10, opset_import: ["" : 21]>
    net (float[1, 16, 1] x, float[2, 8] r) => (y, q)
    <float[8] w = {{{numbers}}}, float two = {{2.0}}, int64 step = {{4}}, int64[1] first = {{0}}> {{
        q = Mul(r, w) {nodes}
    }}"""
    facts = Facts(build_graph(parser.parse_model(text), Bindings()), Target(), operators())
    node = next(each for each in facts.graph.nodes if each.op == name)
    return facts.gradients.of(node).inputs


def test_a_window_that_is_computed_from_a_parameter_is_differentiated():
    nodes = "window = Mul(w, two) y = STFT <onesided = 1> (x, step, window)"
    assert needed(nodes, "STFT")[2]


def test_running_statistics_are_not_differentiated():
    nodes = """scaled = Mul(w, two) mean = Mul(scaled, scaled)
    y, m, v = BatchNormalization <training_mode = 1> (q, scaled, w, mean, mean)"""
    assert needed(nodes, "BatchNormalization") == (True, True, True, False, False)
