"""What facets answer for one call holds for all calls that are alike."""

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
import onnx
import pytest
from msgspec.structs import replace

from archlint.graph.build import build_graph
from archlint.graph.dimensions.bindings import Bindings
from archlint.graph.graph import Graph
from archlint.graph.invalid import InvalidGraph
from archlint.graph.node import Node
from archlint.ops.answers import Answers, likeness
from archlint.ops.call import Call
from archlint.ops.effect import Activates
from archlint.ops.operator import Operator
from archlint.ops.registry import operators
from archlint.ops.undetermined import Undetermined

DATA = Path(onnx.__file__).parent / "backend" / "test" / "data"
MODELS = sorted((DATA / "node").glob("*/model.onnx"))[::5] + sorted(DATA.glob("light/*.onnx"))
KNOWN = operators()
Facet = Callable[[Operator, int, Call], object]


def graphs() -> Iterator[Graph]:
    for path in MODELS:
        try:
            yield build_graph(onnx.load(str(path), load_external_data=False), Bindings())
        except InvalidGraph:
            continue


def under_other_names(graph: Graph) -> Graph:
    """Return a graph that differs in nothing but the names of its tensors and nodes."""

    def other(name: str) -> str:
        return f"other/{name}" if name else ""

    nodes = tuple(
        replace(
            node,
            name=other(node.name),
            inputs=tuple(other(name) for name in node.inputs),
            outputs=tuple(other(name) for name in node.outputs),
        )
        for node in graph.nodes
    )
    return replace(
        graph,
        nodes=nodes,
        inputs=tuple(other(name) for name in graph.inputs),
        outputs=tuple(other(name) for name in graph.outputs),
        values={other(key): replace(value, name=other(key)) for key, value in graph.values.items()},
        constants={other(key): contents for key, contents in graph.constants.items()},
        weights={other(key): weight for key, weight in graph.weights.items()},
    )


def links(operator: Operator, slot: int, call: Call) -> object:
    try:
        return operator.links(call, slot)
    except Undetermined:
        return None


def signal(operator: Operator, _: int, call: Call) -> object:
    """Return an effect on a signal, with what its function gives and not which one it is."""
    try:
        effect = operator.signal and operator.signal(call)
    except (Undetermined, IndexError, ValueError):
        return None
    if not isinstance(effect, Activates):
        return effect
    with np.errstate(all="ignore"):
        return effect.slot, repr(effect.function(np.linspace(-3, 3, 13)))


@pytest.mark.parametrize("facet", [links, signal])
def test_answers_do_not_depend_on_names(facet: Facet) -> None:
    compared = 0
    for graph in graphs():
        renamed = under_other_names(graph)
        for node, other in zip(graph.nodes, renamed.nodes, strict=True):
            operator = KNOWN.of(node)
            if operator is None or node.domain:
                continue
            assert likeness(node, graph) == likeness(other, renamed)
            for slot, name in enumerate(node.outputs):
                if name:
                    first = facet(operator, slot, Call(node, graph))
                    assert facet(operator, slot, Call(other, renamed)) == first
                    compared += 1
    assert compared > 500


@pytest.mark.parametrize("facet", [links, signal])
def test_cached_answers_equal_fresh_ones(facet: Facet) -> None:
    """One store for all models: what it gives is what the facet says of that very call."""
    answers, asking = Answers(KNOWN), {}
    compared = 0
    for graph in graphs():
        for node in graph.nodes:
            operator = KNOWN.of(node)
            if operator is None or node.domain or not node.outputs[0]:
                continue
            own = asking.setdefault(node.op, partial(facet, operator, 0))
            assert answers.of(own, node, graph) == facet(operator, 0, Call(node, graph)), node.op
            compared += 1
    assert compared > 500


CHAIN = """<ir_version: 8, opset_import: ["" : 17]>
net (float[4, 8] x) => (float[4, 8] y)
{ z = Abs(x)  a = Relu(z)  b = Relu(a)  c = Softmax(b)  d = Softmax(c)  y = Sum(c, d) }
"""


@pytest.mark.parametrize(("op", "times"), [("Relu", 1), ("Softmax", 3)])
def test_only_facets_that_read_the_graph_are_called_again(op: str, times: int) -> None:
    graph = build_graph(onnx.parser.parse_model(CHAIN), Bindings())
    asked: list[Node] = []

    def facet(call: Call) -> object:
        asked.append(call.node)
        return call.graph.producers if call.node.op == "Softmax" else call.output_shape()

    answers = Answers(KNOWN)
    nodes = [node for node in graph.nodes if node.op == op]
    assert len(nodes) == 2
    assert answers.of(facet, nodes[0], graph) == answers.of(facet, nodes[1], graph)
    assert len(asked) == times


SCALED = """<ir_version: 8, opset_import: ["" : 17]>
net (float[4, 2] x) => (float[4, 2] y)
<float[2] one = {1, 1}, float[2] two = {2, 2}, float[2] again = {1, 1}>
{ z = Abs(x)  a = Mul(z, one)  b = Mul(a, two)  y = Mul(b, again) }
"""


@pytest.mark.parametrize(("asks", "times"), [(False, 1), (True, 2)])
def test_contents_are_part_of_the_key_where_they_are_read(asks: bool, times: int) -> None:
    graph = build_graph(onnx.parser.parse_model(SCALED), Bindings())
    asked: list[Node] = []

    def facet(call: Call) -> object:
        asked.append(call.node)
        return call.known(1).tolist() if asks else call.output_shape()

    answers = Answers(KNOWN)
    found = [answers.of(facet, node, graph) for node in graph.nodes[1:]]
    assert found == ([[1, 1], [2, 2], [1, 1]] if asks else [(4, 2)] * 3)
    assert len(asked) == times


def test_contents_read_later_are_part_of_the_key() -> None:
    graph = build_graph(
        onnx.parser.parse_model(SCALED.replace("b = Mul(a, two)", "b = Mul(two, a)"))
    )

    def facet(call: Call) -> object:
        """Look at the second input, and at the first one where nothing is known of that."""
        second = call.constant(1)
        return (call.known(0) if second is None else second).tolist()

    answers = Answers(KNOWN)
    for _ in range(2):
        found = [answers.of(facet, node, graph) for node in graph.nodes[1:]]
        assert found == [[1, 1], [2, 2], [1, 1]]


def test_calls_with_other_values_are_not_equal() -> None:
    """Equal calls are told by what was read, so that a graph with other values is asked anew."""
    graph = build_graph(onnx.parser.parse_model(CHAIN), Bindings())
    relus = [node for node in graph.nodes if node.op == "Relu"]
    later = relus[1]
    assert graph.kind(later) is not None
    halves = {
        name: replace(value, shape=(2, 8)) if name in {"a", "b"} else value
        for name, value in graph.values.items()
    }
    answers, other = Answers(KNOWN), replace(graph, values=halves)

    def facet(call: Call) -> object:
        return call.output_shape()

    assert answers.of(facet, later, graph) == (4, 8)
    assert answers.of(facet, later, other) == (2, 8)
    assert other.kind(later) is None
    assert graph.kind(replace(later, inputs=("x",))) is None
