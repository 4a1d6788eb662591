"""What ARCH007 says: the shapes that meet, whose they are, and how sure it is."""

import pytest
from onnx import parser

from archlint.api import Severity
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
