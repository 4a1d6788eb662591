"""What ARCH007 says: the shapes that meet, whose they are, and how sure it is."""

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper, parser

from archlint.analysis.facts import Facts
from archlint.api import Severity
from archlint.graph.build import build_graph
from archlint.ops.registry import operators
from archlint.target import Target
from archlint.testing import lint_model, lint_text
from archlint_rules.structure.shape_mismatch import ShapeMismatch

POSITIONS = (
    "archlint: 1\nname: positions\ninputs: {x: [N, T, 8]}\nlayers:\n"
    "  - PositionEmbedding: {num_embeddings: 512}\n"
)


def test_a_sequence_longer_than_its_table_names_both():
    (finding,) = lint_text(POSITIONS, [ShapeMismatch], {"dims": {"T": 600}})
    assert finding.severity is Severity.ERROR
    assert finding.message.startswith(
        "Add positionembedding cannot take [N, 600, 8] and [512, 8] of positionembedding.weight: "
    )
    assert "export" not in finding.help
    assert "[ShapeInferenceError]" not in finding.message


@pytest.mark.parametrize("length", [1, 512])
def test_a_sequence_that_fits_its_table(length):
    assert lint_text(POSITIONS, [ShapeMismatch], {"dims": {"T": length}}) == []


def test_types_are_a_warning_because_runtimes_are_laxer():
    model = parser.parse_model(
        '<ir_version: 9, opset_import: ["" : 18]> '
        "g (float[2] x, float16[2] h) => (float[2] y) { y = Add(x, h) }"
    )
    (finding,) = lint_model(model, [ShapeMismatch])
    assert finding.severity is Severity.WARNING
    assert "later opset" in finding.help


def test_types_that_are_not_known_contradict_nothing():
    """What another program's operator makes may well be what the next one takes."""
    model = parser.parse_model(
        '<ir_version: 9, opset_import: ["" : 18, "acme" : 1]> '
        "g (float[1, 4, 8, 8] x, float[8, 4, 1, 1] w) => (float[1, 8, 8, 8] y) "
        "<int64[4] s = {1, 4, 8, 8}> "
        "{ t = acme.Mystery(x) r = Reshape(t, s) y = Conv(r, w) }"
    )
    assert lint_model(model, [ShapeMismatch]) == []


def test_a_call_behind_one_that_cannot_run_is_no_finding_of_its_own():
    model = parser.parse_model(
        '<ir_version: 9, opset_import: ["" : 18]> '
        "g (float[2, 4, 3] x, float[4, 5] p) => (float[2, 4, 3] y) "
        "<float[4] g = {1, 1, 1, 1}, float[4] b = {0, 0, 0, 0}, float[4] m = {0, 0, 0, 0}, "
        "float[4] v = {1, 1, 1, 1}> "
        "{ h = Add(x, p) y = BatchNormalization(h, g, b, m, v) }"
    )
    (finding,) = lint_model(model, [ShapeMismatch])
    assert finding.message.startswith("Add ")


CALL = (
    "%lstm : [num_users=1] = call_function[target=torch.ops.aten.lstm.input](args = (%x, [%h, %c], "
    "[{weights}], {biases}, {layers}, 0.0, True, {both}, False), kwargs = {{}})"
)


def lstm(rows=8, called=None):
    """An LSTM of two hidden units."""
    stored = [
        numpy_helper.from_array(np.zeros(shape, np.float32), name)
        for name, shape in (("w", (1, rows, 3)), ("r", (1, rows, 2)))
    ]
    ends = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
        for name, shape in (("x", (5, 1, 3)), ("y", (5, 1, 1, 2)))
    ]
    node = helper.make_node("LSTM", ["x", "w", "r"], ["y"], "lstm", hidden_size=2)
    if called:
        node.metadata_props.add(key="pkg.torch.onnx.fx_node", value=called)
    graph = helper.make_graph([node], "g", ends[:1], ends[1:], stored)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)])


def test_a_recurrent_layer_whose_weights_are_for_other_units():
    (finding,) = lint_model(lstm(rows=12), [ShapeMismatch])
    assert finding.message.endswith("its weights have 12 rows, 4 gates of 2 hidden units 8")
    assert lint_model(lstm(), [ShapeMismatch]) == []


@pytest.mark.parametrize(
    ("weights", "biases", "layers", "both", "is_left_out"),
    [
        (3, False, 1, False, True),  # W, R and the projection
        (2, False, 1, False, False),
        (5, True, 1, False, True),
        (4, True, 1, False, False),
        (20, True, 2, True, True),
        (16, True, 2, True, False),
    ],
)
def test_an_lstm_whose_projection_the_exporter_left_out(weights, biases, layers, both, is_left_out):
    """As torch.onnx.export(dynamo=True) of PyTorch 2.13 writes nn.LSTM(3, 4, proj_size=2).

    It takes the first rows of the weights, so that nothing in the file contradicts itself.
    """
    named = ", ".join(f"%p_{place}" for place in range(weights))
    called = CALL.format(weights=named, biases=biases, layers=layers, both=both)
    model = lstm(called=called)

    findings = lint_model(model, [ShapeMismatch])

    facts = Facts(build_graph(model), Target(), operators())
    assert [each.severity for each in findings] == [Severity.ERROR] * is_left_out
    assert all("proj_size" in each.message for each in findings)
    unknown = facts.compute.forward_macs.unknown
    assert [each.node for each in unknown] == ["lstm"] * is_left_out
