"""Models that tests write as text."""

import numpy as np
import onnx
from onnx import numpy_helper, parser


def model_of(inputs: str, nodes: str, **operands: list[int]) -> onnx.ModelProto:
    """Return a model of these nodes with `y` as its output, and lists of integers stored."""
    model = parser.parse_model(
        f'<ir_version: 10, opset_import: ["" : 21]>\ng ({inputs}) => (y) {{ {nodes} }}'
    )
    model.graph.initializer.extend(
        numpy_helper.from_array(np.array(value, np.int64), name) for name, value in operands.items()
    )
    return model
