"""Shapes of models whose batch is open: symbols go through the arithmetic of shapes."""

import numpy as np
import onnx
import pytest
from onnx import numpy_helper, parser

from archlint.graph.build import build_graph
from archlint.graph.dimensions.bindings import Bindings
from archlint.graph.value import Shape

OPERANDS = {
    "zero": 0,
    "one": 1,
    "two": 2,
    "minus": -1,
    "first": [0],
    "last": [-1],
    "four": [4],
    "wide": [4, 6],
    "end": [1],
}


def model_of(nodes: str) -> onnx.ModelProto:
    model = parser.parse_model(
        f'<ir_version: 10, opset_import: ["" : 21]>\ng (float[n, 24] x) => (y) {{ {nodes} }}'
    )
    model.graph.initializer.extend(
        numpy_helper.from_array(np.array(value, np.int64), name) for name, value in OPERANDS.items()
    )
    return model


BATCH = "s = Shape(x) b = Gather(s, zero) u = Unsqueeze(b, first) "
CASES = [
    (BATCH + "t = Concat <axis = 0> (u, wide) y = Reshape(x, t)", ("n", 4, 6)),
    (BATCH + "t = Concat <axis = 0> (u, four, last) y = Reshape(x, t)", ("n", 4, 6)),
    (BATCH + "t = Concat <axis = 0> (last, wide) y = Reshape(x, t)", ("n", 4, 6)),
    (BATCH + "t = Concat <axis = 0> (first, last) y = Reshape(x, t)", ("n", 24)),
    (BATCH + "t = Concat <axis = 0> (u, four) y = ConstantOfShape(t)", ("n", 4)),
    (BATCH + "t = Concat <axis = 0> (u, four, end) y = Expand(one, t)", ("n", 4, 1)),
    (BATCH + "y = Range(zero, b, one)", ("n",)),
    ("h = Shape <end = 1> (x) t = Concat <axis = 0> (h, wide) y = Reshape(x, t)", ("n", 4, 6)),
    ("s = Shape(x) h = Slice(s, first, end) y = ConstantOfShape(h)", ("n",)),
    (BATCH + "k = Mul(u, end) j = Add(k, first) y = ConstantOfShape(j)", ("n",)),
    (BATCH + "d = Sub(b, b) a = Unsqueeze(d, first) y = ConstantOfShape(a)", (0,)),
    ("s = Shape(x) e = Equal(s, last) w = Where(e, wide, s) y = ConstantOfShape(w)", ("n", 24)),
    ("s = Shape(x) p = ReduceProd(s) y = ConstantOfShape(p)", (None,)),
    (BATCH + "k = Mul(u, four) y = ConstantOfShape(k)", (None,)),
]


@pytest.mark.parametrize(("nodes", "shape"), CASES)
@pytest.mark.parametrize("batch", [1, 5])
def test_a_symbol_stands_for_what_onnxruntime_observes(
    nodes: str, shape: Shape, batch: int, observe
):
    model = model_of(nodes)

    assert build_graph(model).values["y"].shape == shape
    observed = observe(model, {"x": np.zeros((batch, 24), np.float32)})["y"].shape
    assert build_graph(model, Bindings(batch_size=batch)).values["y"].sizes == observed
    filled = tuple(batch if dim == "n" else dim for dim in shape)
    assert all(dim in (None, size) for dim, size in zip(filled, observed, strict=True))


def test_two_symbols_may_or_may_not_be_one_size():
    model = parser.parse_model(
        '<ir_version: 10, opset_import: ["" : 21]>\n'
        "g (float[n, m] x) => (y) { a = Shape <end = 1> (x) b = Shape <start = 1> (x)"
        " e = Equal(a, b) w = Where(e, a, b) y = ConstantOfShape(w) }"
    )

    assert build_graph(model).values["y"].shape == (None,)
