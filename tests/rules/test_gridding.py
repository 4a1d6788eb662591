"""RF007 on exports in training mode, where a batch norm makes statistics besides its map."""

from __future__ import annotations

import numpy as np
from onnx import numpy_helper, parser

from archlint.testing import lint_model
from archlint_rules.receptive_field.gridding import Gridding

TEXT = """
<ir_version: 8, opset_import: ["" : 17]>
net (float[1, 4, 64] x) => (float[1, 4, 64] y) {
    a = Conv <dilations = [2], pads = [2, 2]> (x, w)
    b = Conv <dilations = [2], pads = [2, 2]> (a, w)
    n, mean, variance = BatchNormalization <training_mode = 1> (b, s, s, s, s)
    y = Relu(n)
}"""


def test_statistics_of_a_batch_norm_are_no_maps() -> None:
    model = parser.parse_model(TEXT)
    weights = {"w": np.ones((4, 4, 3), np.float32), "s": np.ones(4, np.float32)}
    model.graph.initializer.extend(
        numpy_helper.from_array(array, name) for name, array in weights.items()
    )

    (finding,) = lint_model(model, [Gridding])

    assert finding.data["taps"] == 5
    assert finding.place.tensor == "y"
