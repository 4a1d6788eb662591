"""From ModelProto to plain objects."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper, parser

from archlint.graph.build import build_graph
from archlint.graph.dtype import DType
from archlint.graph.graph import Graph
from archlint.graph.invalid import InvalidGraph
from archlint.graph.value import Provenance, Role, Value


def parse(text: str) -> onnx.ModelProto:
    return parser.parse_model(f'<ir_version: 10, opset_import: ["" : 21]>\n{text}')


def elided(name: str, *dims: int) -> TensorProto:
    tensor = TensorProto(name=name, data_type=TensorProto.FLOAT, dims=dims)
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="#elided")
    return tensor


def test_a_node_and_its_values_are_read_as_they_stand():
    graph = build_graph(parse("g (float[2, 3] x) => (float[2, 3] y) { y = Elu <alpha = 0.5> (x) }"))

    (node,) = graph.nodes
    assert (node.name, node.op, node.domain) == ("y", "Elu", "")
    assert (node.inputs, node.outputs) == (("x",), ("y",))
    assert node.attributes == {"alpha": 0.5}
    assert (graph.name, graph.opset, graph.inputs, graph.outputs) == ("g", 21, ("x",), ("y",))
    assert graph.values["x"] == Value("x", DType.FLOAT32, (2, 3), Role.INPUT, Provenance.DECLARED)
    assert graph.values["y"] == Value(
        "y", DType.FLOAT32, (2, 3), Role.COMPUTED, Provenance.INFERRED
    )
    assert graph.producers["y"] is node
    assert graph.consumers["x"] == [node]


def test_the_model_is_not_changed():
    model = parse("g (float[N, 3] x) => (float[N, 3] y) { y = Relu(x) }")
    before = model.SerializeToString(deterministic=True)

    build_graph(model)

    assert model.SerializeToString(deterministic=True) == before


def test_attributes_of_every_kind():
    tensor = numpy_helper.from_array(np.array([1, 2], np.int64), "t")
    node = helper.make_node(
        "Unknown",
        ["x"],
        ["y"],
        domain="acme",
        integer=3,
        integers=[1, 2],
        number=0.5,
        numbers=[0.5, 1.5],
        text="same",
        texts=["a", "b"],
        tensor=tensor,
        big=elided("big", 100, 100),
    )
    model = parse("g (float[2] x) => (float[2] z) { z = Relu(x) }")
    model.graph.node.append(node)
    model.opset_import.add(domain="acme", version=1)
    attributes = dict(build_graph(model).by_name["y"].attributes)

    np.testing.assert_array_equal(attributes.pop("tensor"), [1, 2])
    big = attributes.pop("big")
    assert isinstance(big, Value)
    assert big.sizes == (100, 100)
    assert attributes == {
        "integer": 3,
        "integers": (1, 2),
        "number": 0.5,
        "numbers": (0.5, 1.5),
        "text": "same",
        "texts": ("a", "b"),
    }


def test_attributes_without_a_type_are_read_by_their_field():
    model = parse("g (float[2, 3] x) => (float[2, 3] y) { y = Softmax <axis = 1> (x) }")
    model.graph.node[0].attribute[0].type = onnx.AttributeProto.UNDEFINED

    assert build_graph(model).nodes[0].attributes == {"axis": 1}


def test_names_of_nodes_are_unique():
    model = parse("g (float[2] x) => (float[2] c) { a = Relu(x) b = Relu(a) c = Relu(b) }")
    for node in model.graph.node:
        node.name = "relu"

    assert [node.name for node in build_graph(model).nodes] == ["relu", "relu_1", "relu_2"]


def test_the_standard_domain_has_one_spelling():
    model = parse("g (float[2] x) => (float[2] y) { y = Relu(x) }")
    model.graph.node[0].domain = "ai.onnx"

    (node,) = build_graph(model).nodes
    assert node.domain == ""


def test_nodes_are_sorted():
    model = parse("g (float[2] x) => (float[2] c) { c = Neg(b) b = Relu(a) a = Abs(x) }")

    graph = build_graph(model)

    assert [node.op for node in graph.nodes] == ["Abs", "Relu", "Neg"]
    assert graph.values["c"].sizes == (2,)


@pytest.mark.parametrize(
    ("nodes", "reason"),
    [
        ("y = Add(x, z) z = Relu(y)", "the nodes form a cycle"),
        ("y = Relu(y)", "the nodes form a cycle"),
        ("y = Add(x, missing)", "tensor 'missing' is used, but nothing makes it"),
        ("y = Relu(x) y = Abs(x)", "tensor 'y' is made twice"),
        ("x = Relu(x) y = Relu(x)", "tensor 'x' is made twice"),
        ("z = Relu(x)", "output 'y' is made by nothing"),
    ],
)
def test_a_model_that_is_no_graph_is_refused(nodes: str, reason: str):
    with pytest.raises(InvalidGraph) as caught:
        build_graph(parse(f"g (float[2] x) => (float[2] y) {{ {nodes} }}"))

    assert caught.value.reason == reason


def test_an_initializer_that_is_listed_as_an_input_is_stored():
    model = parse(
        "g (float[2, 4] x, float[4] w) => (float[2, 4] y) <float[4] w = {1, 2, 3, 4}>"
        " { y = Mul(x, w) }"
    )

    graph = build_graph(model)

    assert graph.inputs == ("x",)
    assert graph.values["w"].role is Role.STORED
    assert list(graph.weights) == ["w"]
    np.testing.assert_array_equal(graph.constants["w"], [1, 2, 3, 4])


def test_weights_need_no_bytes():
    model = parse("g (float[1, 64] x) => (y) { y = MatMul(x, w) }")
    weight = elided("w", 64, 10_000_000)
    weight.metadata_props.add(key="archlint.initializer", value="normal(0.02)")
    model.graph.initializer.append(weight)

    graph = build_graph(model)

    assert graph.values["y"].sizes == (1, 10_000_000)
    assert graph.values["w"].nbytes == 4 * 64 * 10_000_000
    assert graph.weights["w"].metadata == {"archlint.initializer": "normal(0.02)"}
    assert not graph.weights["w"].external
    assert "w" not in graph.constants


def test_a_weight_in_another_file_is_external():
    model = parse("g (float[1, 2] x) => (y) { y = MatMul(x, w) }")
    weight = elided("w", 2, 2)
    weight.external_data[0].value = "weights.bin"
    model.graph.initializer.append(weight)

    assert build_graph(model).weights["w"].external


def test_a_big_constant_is_stored_and_a_small_one_is_known():
    model = parse("g (float[100] x) => (z) { y = Add(x, big) z = Reshape(y, small) }")
    for name, value in (("big", elided("", 100)), ("small", None)):
        tensor = value or numpy_helper.from_array(np.array([10, -1], np.int64))
        node = helper.make_node("Constant", [], [name], value=tensor)
        model.graph.node.insert(0, node)

    graph = build_graph(model)

    assert graph.values["big"].role is Role.STORED
    assert graph.values["small"].role is Role.COMPUTED
    assert list(graph.weights) == ["big"]
    np.testing.assert_array_equal(graph.constants["small"], [10, -1])
    assert graph.values["z"].sizes == (10, 10)


@pytest.mark.parametrize(
    ("attribute", "expected"),
    [
        ("value_int = 3", np.array(3)),
        ("value_ints = [3, 4]", np.array([3, 4])),
        ("value_float = 0.5", np.array(0.5, np.float32)),
        ("value_floats = [0.5, 1.5]", np.array([0.5, 1.5], np.float32)),
    ],
)
def test_constants_may_be_plain_numbers(attribute: str, expected: np.ndarray):
    graph = build_graph(parse(f"g () => (y) {{ y = Constant <{attribute}> () }}"))

    np.testing.assert_array_equal(graph.constants["y"], expected)
    assert graph.values["y"].sizes == expected.shape


def test_a_sparse_weight_has_its_dense_shape():
    model = parse("g (float[1, 6] x) => (y) { y = MatMul(x, w) }")
    values = numpy_helper.from_array(np.ones(2, np.float32), "w")
    indices = numpy_helper.from_array(np.array([0, 7], np.int64))
    model.graph.sparse_initializer.append(helper.make_sparse_tensor(values, indices, [6, 4]))

    graph = build_graph(model)

    assert graph.values["w"].sizes == (6, 4)
    assert graph.values["w"].role is Role.STORED
    assert list(graph.weights) == ["w"]


def test_metadata_is_kept():
    model = parse("g (float[2] x) => (y) { y = Relu(x) }")
    model.metadata_props.add(key="author", value="ada")
    model.graph.metadata_props.add(key="stage", value="draft")
    model.graph.node[0].metadata_props.add(key="layer", value="encoder.0")

    graph = build_graph(model)

    assert graph.metadata == {"author": "ada", "stage": "draft"}
    assert graph.nodes[0].metadata == {"layer": "encoder.0"}


def test_a_declared_shape_that_is_not_so_is_a_conflict():
    graph = build_graph(
        parse("g (float[2, 3] x) => (float[2, 3] y) <float[4, 3] a> { a = Relu(x) y = Abs(a) }")
    )

    (conflict,) = graph.conflicts
    assert (conflict.tensor, conflict.declared, conflict.inferred) == ("a", (4, 3), (2, 3))
    assert graph.values["a"].sizes == (2, 3)


def test_an_unknown_operator_is_carried():
    model = parse("g (float[2, 3] x) => (y) { a = acme.Mystery(x) y = Relu(a) }")
    model.opset_import.add(domain="acme", version=1)

    graph = build_graph(model)

    assert [node.op for node in graph.nodes] == ["Mystery", "Relu"]
    assert graph.values["a"] == Value("a", None, None, Role.COMPUTED)
    assert graph.values["y"].sizes is None


def test_what_the_file_declares_of_an_unknown_operator_counts():
    model = parse(
        "g (float[2, 3] x) => (y) <float[2, 8] a> { a = acme.Mystery(x) y = MatMul(a, w) }"
    )
    model.opset_import.add(domain="acme", version=1)
    model.graph.initializer.append(elided("w", 8, 5))

    graph = build_graph(model)

    assert graph.values["a"].provenance is Provenance.DECLARED
    assert graph.values["y"].sizes == (2, 5)


def test_operators_of_onnxruntime_keep_the_shape():
    model = parse(
        "g (float[2, 3, 8] x) => (y) {"
        " a = com.microsoft.FastGelu(x) b = com.microsoft.MatMulNBits<K = 8, N = 24>(a, w, s)"
        " y = Relu(b) }"
    )
    model.opset_import.add(domain="com.microsoft", version=1)
    model.graph.initializer.extend([elided("w", 24, 1, 16), elided("s", 24)])

    assert build_graph(model).values["y"].sizes == (2, 3, 24)


def test_the_mask_of_an_old_dropout_has_the_shape_of_its_data():
    model = parser.parse_model(
        '<ir_version: 4, opset_import: ["" : 9]> g (float[2, 3] x) => (y, m) { y, m = Dropout(x) }'
    )

    assert build_graph(model).values["m"].sizes == (2, 3)


def test_an_empty_model_is_an_empty_graph():
    graph: Graph = build_graph(onnx.ModelProto())

    assert graph.nodes == ()
    assert graph.outputs == ()


@pytest.mark.parametrize(
    ("dims", "code", "reason"), [([4, -7], 1, "negative size"), ([4, 7], 0, "element type")]
)
def test_stored_tensors_without_a_size_are_refused(dims, code, reason):
    model = parse("g (float[1, 4] x) => (y) { y = MatMul(x, w) }")
    model.graph.initializer.append(TensorProto(name="w", data_type=code, dims=dims))
    with pytest.raises(InvalidGraph, match=f"stored tensor 'w' has .*{reason}"):
        build_graph(model)
