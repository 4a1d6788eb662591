"""Sizes from the target meet the open dimensions of a model."""

import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import parser

from archlint.graph.build import build_graph
from archlint.graph.dimensions.batch import Batch, find_batch
from archlint.graph.dimensions.bindings import Bindings
from archlint.graph.dimensions.symbol import bind, clean, symbols
from archlint.graph.value import Dim, Provenance, Shape


def parse(text: str) -> onnx.ModelProto:
    return parser.parse_model(f'<ir_version: 10, opset_import: ["" : 21]>\n{text}')


@pytest.mark.parametrize(
    ("text", "dim"),
    [
        ("batch", "batch"),
        (" seq_len ", "seq_len"),
        ("past + 1", "past + 1"),
        ("16", 16),
        ("?", None),
        ("", None),
        ("-1", None),
        ("None", None),
        ("unk__7", None),
        ("unknown", None),
    ],
)
def test_generated_names_are_unknown_sizes(text: str, dim: Dim):
    assert clean(text) == dim


@pytest.mark.parametrize(
    ("symbol", "dim"),
    [
        ("n", 4),
        ("n + 1", 5),
        ("2*n - t", 5),
        ("(n//3) * t", 3),
        ("n % t", 1),
        ("n/2", 2),
        ("n/3", "n/3"),
        ("-n", None),
        ("other", "other"),
        ("n + other", "n + other"),
        ("n ** 999999999", "n ** 999999999"),
        ("__import__('os')", "__import__('os')"),
        ("n.real", "n.real"),
        ("n if t else n", "n if t else n"),
        ("(" * 150, "(" * 150),
        ("n//0", "n//0"),
        ("not a name", "not a name"),
    ],
)
def test_expressions_of_bound_names_are_evaluated(symbol: str, dim: Dim):
    assert bind(symbol, {"n": 4, "t": 3}) == dim


@given(st.text(max_size=300))
def test_any_name_is_accepted(text: str):
    symbol = clean(text)
    if isinstance(symbol, str):
        assert bind(symbol, {"n": 4}) in {symbol, None} or isinstance(bind(symbol, {"n": 4}), int)


@pytest.mark.parametrize(
    ("shapes", "batch"),
    [
        ([("batch", 3, 8)], Batch(("batch",))),
        ([("N", "T")], Batch(("N",))),
        ([("tokens", 8)], Batch(("tokens",))),
        ([("rows", 8), ("columns", 8)], Batch(("rows",))),
        ([("boxes", 4), ("batch_size", 3)], Batch(("batch_size",))),
        ([("batch", 3), ("decoder_batch", 3)], Batch(("batch", "decoder_batch"))),
        (
            [("x_dynamic_axes_1", 3), ("y_dynamic_axes_1", 3)],
            Batch(("x_dynamic_axes_1", "y_dynamic_axes_1")),
        ),
        ([(None, 3), ("batch", 3)], Batch(("batch",), ("0",))),
        ([(None, 3), (None, 4)], Batch((), ("0", "1"))),
        ([(5,), (2, 3), (7, 1)], Batch(fixed=2)),
        ([(5,), ()], Batch(fixed=5)),
        ([()], Batch()),
        ([], Batch()),
    ],
)
def test_which_dimension_is_the_batch(shapes: list[Shape], batch: Batch):
    assert find_batch({str(place): shape for place, shape in enumerate(shapes)}) == batch


def test_a_batch_size_binds_the_batch_symbol_everywhere():
    graph = build_graph(
        parse("g (float[batch, t] x, float[t, batch] y) => (z) { b = Transpose(y) z = Mul(x, b) }"),
        Bindings(batch_size=4, dims={"t": 6}),
    )

    assert graph.values["x"].shape == (4, 6)
    assert graph.values["x"].provenance is Provenance.BOUND
    assert graph.values["y"].shape == (6, 4)
    assert graph.values["z"].shape == (4, 6)


def test_without_a_binding_symbols_stay():
    graph = build_graph(parse("g (float[batch, 8] x) => (y) { y = Relu(x) }"))

    assert graph.values["x"].shape == ("batch", 8)
    assert graph.values["x"].provenance is Provenance.DECLARED
    assert graph.values["y"].shape == ("batch", 8)


def test_question_marks_are_not_one_size():
    graph = build_graph(parse("g (float[n, m] x, float[n, m] y) => (z) { z = Add(x, y) }"))
    model = parse("g (float[n, m] x, float[n, m] y) => (z) { z = Add(x, y) }")
    for info in model.graph.input:
        for dim in info.type.tensor_type.shape.dim:
            dim.dim_param = "?"

    assert graph.values["z"].shape == ("n", "m")
    assert build_graph(model).values["z"].shape == (None, None)


def test_an_axis_of_an_input_is_bound_by_its_index():
    model = parse("g (float[n, m] x) => (z) { z = Relu(x) }")
    model.graph.input[0].name = model.graph.node[0].input[0] = "layer.0"
    for dim in model.graph.input[0].type.tensor_type.shape.dim:
        dim.Clear()

    graph = build_graph(model, Bindings(dims={"layer.0.0": 2, "layer.0.1": 7}))

    assert graph.values["z"].shape == (2, 7)
    assert graph.unused_bindings == ()


def test_a_dimension_that_is_named_wins_over_the_batch():
    graph = build_graph(
        parse("g (float[batch, 8] x) => (y) { y = Relu(x) }"),
        Bindings(batch_size=4, dims={"batch": 2}),
    )

    assert graph.values["y"].shape == (2, 8)


def test_expressions_in_inputs_follow_their_names():
    model = parse("g (float[b, p] x, float[b, q] y) => (z) { z = Concat <axis = 1> (x, y) }")
    model.graph.input[1].type.tensor_type.shape.dim[1].dim_param = "2*p + 1"

    graph = build_graph(model, Bindings(batch_size=1, dims={"p": 3}))

    assert graph.values["y"].shape == (1, 7)
    assert graph.values["z"].shape == (1, 10)


def test_symbols_that_the_file_declares_inside_are_bound():
    graph = build_graph(
        parse("g (float[n, 4] x) => (int64[2, found] y) { y = NonZero(x) }"),
        Bindings(batch_size=3, dims={"found": 5}),
    )

    assert graph.values["y"].shape == (2, 5)
    assert graph.values["y"].provenance is Provenance.DECLARED


def test_names_without_a_dimension_are_reported():
    graph = build_graph(
        parse("g (float[n, 4] x) => (int64[2, found] y) { y = NonZero(x) }"),
        Bindings(dims={"n": 3, "found": 5, "x.7": 1, "typo": 9}),
    )

    assert graph.unused_bindings == ("x.7", "typo")


def test_a_size_that_the_file_fixes_may_be_changed():
    graph = build_graph(
        parse(
            "g (float[1, 3, 32, 32] x) => (float[1, 3, 16, 16] y) "
            "{ y = MaxPool <kernel_shape = [2, 2], strides = [2, 2]> (x) }"
        ),
        Bindings(dims={"x.2": 64}),
    )

    assert graph.values["x"].shape == (1, 3, 64, 32)
    assert graph.values["y"].shape == (1, 3, 32, 16)
    assert not graph.conflicts


def test_a_number_that_an_exporter_gave_an_axis_can_be_bound_by_it():
    model = parse("g (float[unk__7, 3, unk__8] x) => (y) { y = Relu(x) }")

    graph = build_graph(model, Bindings(dims={"unk__7": 2}))

    assert graph.values["y"].shape == (2, 3, None)
    assert graph.unused_bindings == ()


def test_the_value_of_an_integer_input_can_be_bound():
    model = parse("g (int64 n, float[3] x) => (y) { y = Range(zero, n, one) }")
    stored = (("zero", 0), ("one", 1))
    model.graph.initializer.extend(
        onnx.helper.make_tensor(name, onnx.TensorProto.INT64, [], [value]) for name, value in stored
    )

    graph = build_graph(model, Bindings(dims={"n": 5}))

    assert graph.values["y"].shape == (5,)
    assert graph.unused_bindings == ()
    assert build_graph(model, Bindings(dims={"x": 5})).unused_bindings == ("x",)


@pytest.mark.parametrize(
    ("dim", "names"),
    [
        ("height", ("height",)),
        ("p2o.DynamicDimension.0", ("p2o.DynamicDimension.0",)),
        ("floor(floor(h/2 - 1/2)/2) + 1", ("h",)),
        ("(t + 1)*n.0", ("t", "n.0")),
    ],
)
def test_the_names_in_a_formula(dim: str, names: tuple[str, ...]):
    assert symbols(dim) == names
