"""A batch of 1 that reshapes drop and bring back is no axis along which anything is read."""

import numpy as np
import pytest
from onnx import numpy_helper, parser

WAYS = {
    "reshaped": ("r = Reshape(x, flat)", "Reshape(g, back)"),
    "squeezed": ("r = Squeeze(x, first)", "Unsqueeze(g, first)"),
}


def residual(way):
    """Return a linear layer with a path around it, for a batch of 1."""
    before, after = WAYS[way]
    model = parser.parse_model(
        '<ir_version: 9, opset_import: ["" : 18]> g (float[1, 8, 16] x) => (float[1, 8, 16] y) '
        "<int64[1] first = {0}, int64[2] flat = {8, 16}, int64[3] back = {1, 8, 16}> "
        f"{{ {before} g = MatMul(r, w) linear = {after} y = Add(x, linear) }}"
    )
    model.graph.initializer.append(numpy_helper.from_array(np.ones((16, 16), np.float32), "w"))
    return model


@pytest.mark.parametrize("way", WAYS)
def test_each_position_reads_itself_alone(analyse, way):
    fields = analyse(residual(way))
    (extent,) = fields.extents
    assert extent.axis == 1
    assert {fields.of(name, extent).size for name in ("r", "g", "linear", "y")} == {(1, 1)}
