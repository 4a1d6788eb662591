"""Branches, loops, sequences and functions."""

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper, parser

from archlint.graph.build import build_graph
from archlint.graph.dimensions.bindings import Bindings
from archlint.graph.graph import Graph
from archlint.graph.invalid import InvalidGraph


def parse(text: str) -> onnx.ModelProto:
    model = parser.parse_model(f'<ir_version: 10, opset_import: ["" : 21, "f" : 1]>\n{text}')
    numbers = {"zero": 0, "one": 1, "two": 2, "three": 3, "rows": [0], "parts": [1, 2]}
    model.graph.initializer.extend(
        numpy_helper.from_array(np.array(value, np.int64), name) for name, value in numbers.items()
    )
    return model


IF = """
g (float[n, 4] x) => (y) {
  s = Shape(x)
  rows_of_x = Gather(s, zero)
  many = Greater(rows_of_x, two)
  y = If (many) <
    then_branch = big () => (t) { u = Relu(x) t = Concat <axis = 1> (u, x) },
    else_branch = small () => (e) { e = Neg(x) }
  >
}
"""


@pytest.mark.parametrize(
    ("batch", "ops", "shape"),
    [(5, ["Relu", "Concat"], (5, 8)), (2, ["Neg"], (2, 4))],
)
def test_a_known_condition_takes_its_branch(batch: int, ops: list[str], shape, observe):
    model = parse(IF)
    graph = build_graph(model, Bindings(batch_size=batch))

    assert [node.op for node in graph.nodes] == ["Shape", "Gather", "Greater", *ops]
    assert graph.values["y"].sizes == shape
    assert observe(model, {"x": np.zeros((batch, 4), np.float32)})["y"].shape == shape


def test_an_open_condition_keeps_both_branches():
    graph = build_graph(parse(IF))

    node = graph.nodes[-1]
    branch = node.attributes["then_branch"]
    assert node.op == "If"
    assert isinstance(branch, Graph)
    assert branch.captures == ("x",)
    assert [inner.op for inner in branch.nodes] == ["Relu", "Concat"]
    assert branch.values["t"].shape == ("n", 8)


def test_a_branch_may_return_captures_and_reuse_names():
    model = parse("""
    g (float[2, 4] x) => (y, z) {
      c = Greater(two, one)
      u = Abs(x)
      p, q = If (c) <
        then_branch = a () => (x, k) { v = Neg(u) k = Relu(v) },
        else_branch = b () => (k, k) { k = Relu(x) }
      >
      v = Relu(p)
      y = If (c) <
        then_branch = a () => (w) { m = Neg(v) w = Concat <axis = 0> (m, q) },
        else_branch = b () => (w) { w = Relu(x) }
      >
      z = Neg(v)
    }""")
    graph = build_graph(model)

    ops = [node.op for node in graph.nodes]
    assert ops == ["Greater", "Abs", "Neg", "Relu", "Identity", "Relu", "Neg", "Concat", "Neg"]
    assert [graph.values[name].sizes for name in "pqvyz"] == [
        (2, 4),
        (2, 4),
        (2, 4),
        (4, 4),
        (2, 4),
    ]
    assert graph.producers["p"].inputs == ("x",)
    made = [name for node in graph.nodes for name in node.outputs]
    assert len(made) == len(set(made))


LOOP = """
g (float[3, 4] x) => (last, all) {
  go = Constant <value = bool {1}> ()
  last, all = Loop (three, go, x) <
    body = b (int64 i, bool c, float[k, 4] s) => (c2, s2, o) {
      c2 = Identity(c)
      s2 = %s
      o = ReduceSum <keepdims = 0> (s2, rows)
    }
  >
}
"""


def test_a_loop_with_a_known_count(observe):
    model = parse(LOOP % "Relu(s)")
    graph = build_graph(model)

    assert list(graph.trips.values()) == [3]
    assert graph.values["last"].sizes == (3, 4)
    assert graph.values["all"].sizes == (3, 4)
    observed = observe(model, {"x": np.zeros((3, 4), np.float32)})
    assert observed["all"].shape == (3, 4)
    assert observed["last"].shape == (3, 4)


@pytest.mark.parametrize(
    "state",
    [
        "Concat <axis = 0> (s, s)",
        "Slice(s, row_one, row_nine)",
        # The number of the round, a branch that it chooses, and names of the graph around.
        """If (odd) <
            then_branch = t () => (u) { k = Relu(s) u = Concat <axis = 0> (k, x) },
            else_branch = e () => (v) { v = Relu(s) }
        > odd_number = Mod(i, two) odd = Cast <to = 9> (odd_number)
        """,
    ],
)
def test_iterations_that_differ_are_unrolled(state: str, observe):
    head, _, tail = state.partition("> odd")
    nodes = f"odd{tail} s2 = {head}>".replace("\n", " ") if tail else f"s2 = {state}"
    model = parse((LOOP % "S").replace("s2 = S", nodes))
    model.graph.initializer.extend(
        numpy_helper.from_array(np.array([number], np.int64), name)
        for name, number in (("row_one", 1), ("row_nine", 9))
    )
    graph = build_graph(model)

    observed = observe(model, {"x": np.zeros((3, 4), np.float32)})
    assert graph.trips == {}
    assert "Loop" not in {node.op for node in graph.nodes}
    assert graph.values["last"].sizes == observed["last"].shape
    assert graph.values["all"].sizes == observed["all"].shape


def test_a_state_that_grows_in_an_unknown_number_of_iterations_is_open():
    text = (LOOP % "Concat <axis = 0> (s, s)").replace("float[3, 4] x", "float[3, 4] x, int64 n")
    graph = build_graph(parse(text.replace("Loop (three", "Loop (n")))

    assert graph.values["last"].shape == (None, 4)
    assert graph.values["all"].shape == (None, 4)


@pytest.mark.parametrize("limit", ["", "three", "two"])
def test_a_computed_condition_gives_the_trip_count_where_its_inputs_are_known(limit: str, observe):
    text = (LOOP % "Relu(s)").replace("Identity(c)", "Less(i, one)").replace("three", limit)
    model = parse(text)
    graph = build_graph(model)

    assert list(graph.trips.values()) == [2]
    observed = observe(model, {"x": np.zeros((3, 4), np.float32)})
    assert graph.values["all"].sizes == observed["all"].shape == (2, 4)


def test_a_condition_that_depends_on_data_gives_no_trip_count():
    whether = "total = ReduceSum <keepdims = 0> (s) c2 = Less(total, half)"
    text = (LOOP % "Relu(s)").replace("c2 = Identity(c)", whether)
    text = text.replace("float[3, 4] x", "float[3, 4] x, float half")
    graph = build_graph(parse(text))

    assert graph.trips == {}
    assert graph.values["all"].shape == (None, 4)


@pytest.mark.parametrize("rounds", ["one", "three"])
def test_a_loop_that_builds_a_sequence(rounds: str, observe):
    """As `torch.jit.script` exports a list that is filled, and read again, in a loop."""
    model = parse(f"""
    g (float[2, 5] x) => (y, z) {{
      go = Constant <value = bool {{1}}> ()
      none = SequenceEmpty <dtype = 1> ()
      all = Loop ({rounds}, go, none) <
        body = b (int64 i, bool c, seq(float[a, b]) s) => (c2, t) {{
          c2 = Identity(c)
          k = Constant <value = int64[1] {{1}}> ()
          end = Add(i, k)
          part = Slice(x, rows, end, k)
          t = SequenceInsert(s, part)
        }}
      >
      length = SequenceLength(all)
      again = SequenceEmpty <dtype = 1> ()
      doubled = Loop (length, go, again) <
        body = b (int64 i, bool c, seq(float[a, b]) s) => (c2, t) {{
          c2 = Identity(c)
          item = SequenceAt(all, i)
          more = Add(item, item)
          t = SequenceInsert(s, more)
        }}
      >
      y = ConcatFromSequence <axis = 1> (doubled)
      z = SequenceAt(all, zero)
    }}""")
    graph = build_graph(model)

    observed = observe(model, {"x": np.zeros((2, 5), np.float32)})
    assert graph.values["y"].sizes == observed["y"].shape
    assert graph.values["z"].sizes == observed["z"].shape
    assert {node.op for node in graph.nodes} <= {"Constant", "Slice", "Add", "Concat", "Identity"}


def test_loops_in_loops_and_their_weights():
    """Each round has its own tensors, and all share what the body stores."""
    model = parse("""
    g (float[2, 3] x) => (y) {
      y = Loop (three, , x) <
        body = outer (int64 i, bool c, float[a, b] s) => (c2, w) {
          c2 = Constant <value = bool {1}> ()
          weight = Constant <value = float[1, 3] {1.0, 2.0, 3.0}> ()
          t = Add(s, weight)
          w = Loop (two, , t) <
            body = inner (int64 i, bool c, float[a, b] s) => (c2, w) {
              c2 = Constant <value = bool {1}> ()
              w = Concat <axis = 0> (s, s)
            }
          >
        }
      >
    }""")
    graph = build_graph(model)

    assert graph.values["y"].sizes == (2 * 4**3, 3)
    assert [node.op for node in graph.nodes if node.op != "Constant"].count("Add") == 3
    assert sum(value.shape == (1, 3) for value in graph.values.values()) == 1
    assert len({node.name for node in graph.nodes}) == len(graph.nodes)


def test_a_loop_with_too_many_iterations_is_not_unrolled():
    text = (LOOP % "Concat <axis = 0> (s, s)").replace("Loop (three", "Loop (many")
    model = parse(text)
    model.graph.initializer.append(numpy_helper.from_array(np.array(10**9), "many"))

    graph = build_graph(model)

    assert list(graph.trips.values()) == [10**9]
    assert graph.values["last"].shape == (None, 4)


def loop(rounds: object, nodes: str, states: str = "float[a, b] s", made: str = "w", given="x"):
    """Return a loop whose state has rows of a number that nothing tells."""
    model = parse(f"""g (float[a, b] x) => (y) {{
      y = Loop (rounds, go, {given}) <
        body = inner (int64 i, bool c, {states}) => (c, {made}) {{ {nodes} }}
      >
    }}""")
    model.graph.initializer.extend(
        [
            numpy_helper.from_array(np.array(rounds), "rounds"),
            numpy_helper.from_array(np.array(True), "go"),
        ]
    )
    model.graph.input[0].type.tensor_type.shape.dim[0].Clear()
    return model


JOINS = "w = Concat <axis = 0> (s, s)"


@pytest.mark.parametrize(
    "model",
    [
        loop(0, JOINS),  # never runs: there is nothing to join
        loop(10**9, "", made="s"),  # does nothing, a billion times
        loop(3, JOINS, states="float[a, b] s, float[a, b] t", given="x, x"),  # loses a state
        loop(np.nan, JOINS),
    ],
    ids=["never", "for nothing", "losing", "nan"],
)
def test_an_invalid_loop_is_not_unrolled(model: onnx.ModelProto):
    assert [node.op for node in build_graph(model).nodes] == ["Loop"]


def test_a_scan_runs_along_its_axis(observe):
    model = parse("""
    g (float[2, 4] h, float[5, 2, 4] x) => (last, all) {
      last, all = Scan <num_scan_inputs = 1,
        body = b (float[2, 4] s, float[2, 4] v) => (s2, o) {
          s2 = Add(s, v)
          o = Relu(s2)
        }
      > (h, x)
    }""")
    graph = build_graph(model)

    assert list(graph.trips.values()) == [5]
    observed = observe(
        model, {"h": np.zeros((2, 4), np.float32), "x": np.zeros((5, 2, 4), np.float32)}
    )
    assert graph.values["last"].sizes == observed["last"].shape == (2, 4)
    assert graph.values["all"].sizes == observed["all"].shape == (5, 2, 4)


@pytest.mark.parametrize(
    "nodes",
    [
        "s = SplitToSequence <axis = 1> (x, parts) y = SequenceAt(s, one)",
        "s = SplitToSequence <axis = 1> (x, two) y = SequenceAt(s, one)",
        "s = SplitToSequence <axis = 0> (x) y = SequenceAt(s, zero)",
        "s = SplitToSequence <axis = 0, keepdims = 0> (x) y = SequenceAt(s, zero)",
        "a = Relu(x) s = SequenceConstruct(x, a, x) y = ConcatFromSequence <axis = 1> (s)",
        "s = SequenceConstruct(x, x, x) y = ConcatFromSequence <axis = -1, new_axis = 1> (s)",
        """
        e = SequenceEmpty() s = SequenceInsert(e, x) t = Transpose(x)
        u = SequenceInsert(s, t, zero) y = SequenceAt(u, zero)
        """,
        """
        t = Transpose(x) s = SequenceConstruct(x, t, x)
        u = SequenceErase(s, zero) y = SequenceAt(u, zero)
        """,
    ],
)
def test_a_tensor_taken_from_a_sequence_has_its_shape(nodes: str, observe):
    model = parse(f"g (float[2, 3] x) => (y) {{ {nodes} }}")

    expected = observe(model, {"x": np.zeros((2, 3), np.float32)})["y"]
    assert build_graph(model).values["y"].sizes == expected.shape


def test_functions_are_inlined():
    model = parse("""
    g (float[2, 4] x) => (y) { a = f.twice(x) y = f.twice(a) }
    <domain: "f", opset_import: ["" : 21]> twice (v) => (w) { w = Concat <axis = 0> (v, v) }
    """)

    graph = build_graph(model)

    assert [node.op for node in graph.nodes] == ["Concat", "Concat"]
    assert graph.values["y"].sizes == (8, 4)


def doubling(levels: int) -> onnx.ModelProto:
    """Functions that each call the one before twice: 2^levels nodes in a small file."""
    functions = [
        helper.make_function(
            "f",
            f"f{level}",
            ["a"],
            ["c"],
            [
                helper.make_node(*_call(level - 1), ["a"], ["b"]),
                helper.make_node(*_call(level - 1), ["b"], ["c"]),
            ],
            [helper.make_opsetid("", 21), helper.make_opsetid("f", 1)],
        )
        for level in range(levels)
    ]
    for function in functions:
        for node in function.node:
            node.domain = "f" if node.op_type != "Relu" else ""
    model = parse(f"g (float[2] x) => (y) {{ y = f.f{levels - 1}(x) }}")
    model.functions.extend(functions)
    return model


def _call(level: int) -> tuple[str]:
    return (f"f{level}" if level >= 0 else "Relu",)


def test_functions_may_call_functions():
    assert len(build_graph(doubling(5)).nodes) == 32


@pytest.mark.parametrize("levels", [20, 64, 2000])
def test_functions_that_never_end_are_refused(levels: int):
    with pytest.raises(InvalidGraph, match="more than 100000 nodes"):
        build_graph(doubling(levels))


def test_functions_that_call_themselves_are_refused():
    model = doubling(3)
    model.functions[0].node[0].op_type = "f2"
    model.functions[0].node[0].domain = "f"

    with pytest.raises(InvalidGraph, match="calls itself"):
        build_graph(model)
