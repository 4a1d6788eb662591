"""How long variables hold tensors, as the tracebacks of torch.export tell it."""

from __future__ import annotations

import zlib

import onnx
from onnx import TensorProto, helper

from archlint.analysis.memory.execution import Execution
from archlint.analysis.memory.variables import Variables
from archlint.graph.build import build_graph
from archlint.graph.dimensions.bindings import Bindings

Call = tuple[str, str, str, list[str]]


def node_of(call: Call) -> onnx.NodeProto:
    """Return a node that reads, makes and runs what a call says, with the lines that called it.

    The lines are those of the functions that were running, from the outermost on, each of a module
    in the one before; a file may stand before a bar, and the number of the line in a comment.
    """
    read, made, op, lines = call
    node = helper.make_node(op, read.split(), [made], name=made)
    scopes = ["", *(".".join("m" * depth) for depth in range(1, len(lines))), made]
    stack = []
    for depth, line in enumerate(lines):
        file, _, code = line.rpartition("|")
        code, _, given = code.partition("  # line ")
        number = int(given or zlib.crc32(code.encode()))
        stack += [f'File "{file or f"net{depth}.py"}", line {number}, in forward', f"    {code}"]
    exported = f"%{made.partition('_')[0]} : call[target=torch.ops.aten.{op.lower()}.default]"
    for key, value in {
        "name_scopes": str(scopes),
        "stack_trace": "\n".join(stack),
        "fx_node": exported,
    }.items():
        node.metadata_props.add(key=f"pkg.torch.onnx.{key}", value=value)
    return node


def held(*calls: Call) -> dict[str, int]:
    """Return until which node variables hold each tensor."""
    nodes = [node_of(call) for call in calls]
    ends = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, [2, 3])
        for name in ("x", nodes[-1].output[0])
    ]
    proto = helper.make_graph(nodes, "g", ends[:1], ends[1:])
    opset = [helper.make_opsetid("", 18)]
    graph = build_graph(helper.make_model(proto, opset_imports=opset), Bindings())
    until: dict[str, int] = {}
    for name, index in Variables(Execution(graph, graph)).held():
        until[name] = max(until.get(name, 0), index)
    return until


def test_a_variable_holds_until_it_is_bound_anew_or_its_function_returns():
    found = held(
        ("x", "a", "Relu", ["h = relu(x)"]),
        ("a", "b", "Neg", ["y = neg(h)"]),
        ("b", "c", "Abs", ["h = abs(y)"]),
        ("c", "d", "Exp", ["return exp(h)"]),
    )
    assert found == {"a": 2, "b": 3, "c": 3}


def test_an_intermediate_of_an_expression_is_in_no_variable():
    found = held(
        ("x", "a", "Relu", ["h = neg(relu(x))"]),
        ("a", "b", "Neg", ["h = neg(relu(x))"]),
        ("b", "c", "Abs", ["return abs(h)"]),
    )
    assert found == {"b": 2}


def test_a_function_releases_its_variables_when_it_returns():
    found = held(
        ("x", "a", "Relu", ["h = self.m(x)", "y = relu(x)"]),
        ("a", "b", "Neg", ["h = self.m(x)", "return neg(y)"]),
        ("b", "c", "Abs", ["return abs(exp(h))"]),
        ("c", "d", "Exp", ["return abs(exp(h))"]),
    )
    assert found == {"a": 1, "b": 3}


def test_what_a_function_returns_goes_to_the_variables_of_the_same_names():
    found = held(
        ("x", "a", "Relu", ["x, skip = self.m(x)", "skip = relu(x)"]),
        ("a", "b", "Neg", ["x, skip = self.m(x)", "x = neg(skip)"]),
        ("b", "c", "Abs", ["x = abs(x)"]),
        ("c a", "d", "Add", ["return x + skip"]),
    )
    assert found == {"a": 3, "b": 2, "c": 3}


def test_one_call_that_is_several_nodes_runs_its_line_once():
    found = held(
        ("x", "a", "Relu", ["h = relu(x)"]),
        ("a", "neg_1", "Neg", ["h = neg(h)"]),
        ("neg_1", "neg", "Neg", ["h = neg(h)"]),
        ("neg", "d", "Exp", ["return exp(h)"]),
    )
    assert found == {"a": 2, "neg": 3}


def test_a_line_that_calls_more_often_than_it_is_written_is_in_a_loop():
    found = held(
        ("x", "a", "Relu", ["h = relu(x)"]),
        ("a", "b", "Neg", ["h = neg(h)"]),
        ("b", "c", "Neg", ["h = neg(h)"]),
        ("c", "d", "Exp", ["return exp(h)"]),
    )
    assert found == {"a": 1, "b": 2, "c": 3}


def test_what_is_popped_from_a_list_is_not_held_by_it():
    found = held(
        ("x", "a", "Relu", ["kept.append(relu(x))"]),
        ("x", "b", "Neg", ["rest.append(neg(x))"]),
        ("a b", "c", "Add", ["y = kept.pop() + rest[0]"]),
        ("c", "d", "Exp", ["return exp(y)"]),
    )
    assert found == {"c": 3}


def test_what_is_read_after_its_variable_went_on_is_in_a_list():
    found = held(
        ("x", "a", "Relu", ["h = relu(x)"]),
        ("a", "b", "Neg", ["h = neg(h)"]),
        ("b a", "c", "Add", ["h = h + kept[0]"]),
        ("c", "d", "Exp", ["return exp(h)"]),
    )
    assert found == {"a": 3, "b": 2, "c": 3}


def test_lines_that_an_exporter_made_are_no_lines_of_the_program():
    found = held(
        ("x", "a", "Relu", ["h = relu(x)"]),
        ("a", "b", "Neg", ["<eval_with_key>.7|y = neg(h); h = None"]),
        ("b", "c", "Abs", ["h = abs(y)"]),
        ("c", "d", "Exp", ["return exp(h)"]),
    )
    assert found == {"a": 2, "c": 3}


def test_what_a_loop_makes_for_a_call_is_in_no_variable():
    line = ["y = sum([relu(p) for p in x])"]
    found = held(
        ("x", "a", "Relu", line),
        ("x", "b", "Relu", line),
        ("x", "c", "Relu", line),
        ("a b c", "d", "Sum", line),
        ("d", "e", "Exp", ["return exp(y)"]),
    )
    assert max(found["a"], found["b"]) <= 3  # the sum reads them
    assert found["d"] == 4


def test_an_expression_between_the_lines_of_its_parentheses_binds_what_it_begins_with():
    found = held(
        ("x", "a", "Relu", ["y = relu(x)  # line 1"]),
        ("a", "b", "Neg", ["y.neg()  # line 3"]),  # y = ( and ) stand around it
        ("b", "c", "Abs", ["z = abs(y)  # line 5"]),
        ("c", "d", "Exp", ["return exp(z)  # line 6"]),
    )
    assert found["a"] == 1
    assert found["b"] == 3


def test_an_expression_of_a_variable_that_is_not_read_after_it_does_not_bind_that():
    found = held(
        ("x", "a", "Relu", ["y = relu(x)  # line 1"]),
        ("a", "b", "Neg", ["y.neg()  # line 3"]),  # w = ( and ) stand around it
        ("b", "c", "Abs", ["z = abs(w)  # line 5"]),
        ("c", "d", "Exp", ["return exp(z)  # line 6"]),
    )
    assert found["a"] == 3


def test_a_chain_of_calls_over_several_lines_binds_what_it_begins_with():
    found = held(
        ("x", "a", "Relu", ["y = relu(x)"]),
        ("a", "b", "Neg", ["y.neg()"]),
        ("b", "c", "Abs", [".abs()"]),
        ("c", "d", "Exp", ["return exp(log(y))"]),
        ("d", "e", "Log", ["return exp(log(y))"]),
    )
    assert found["a"] == 2
    assert found["c"] == 4


def test_the_statements_of_a_line_run_one_after_the_other():
    """As on lines of their own: `h` goes with the second binding, a nameless step at once."""
    line = "h = relu(x); h = neg(abs(h)); y = exp(h)"
    calls = [
        ("x", "a", "Relu", [line]),
        ("a", "b", "Abs", [line]),
        ("b", "c", "Neg", [line]),
        ("c", "d", "Exp", [line]),
        ("d", "e", "Tanh", ["return tanh(y)"]),
    ]
    apart = [line.split("; ")[at] for at in (0, 1, 1, 2)] + ["return tanh(y)"]
    on_lines = [(*call[:3], [own]) for call, own in zip(calls, apart, strict=True)]
    assert held(*calls) == held(*on_lines) == {"a": 2, "c": 4, "d": 4}


def test_the_statements_of_a_line_in_a_loop_run_again():
    line = "h = relu(x); x = neg(h)"
    found = held(
        ("x", "a", "Relu", [line]),
        ("a", "b", "Neg", [line]),
        ("b", "relu_1", "Relu", [line]),
        ("relu_1", "neg_1", "Neg", [line]),
        ("neg_1", "e", "Tanh", ["return tanh(x)"]),
    )
    assert found == {"a": 2, "b": 3, "relu_1": 4, "neg_1": 4}
