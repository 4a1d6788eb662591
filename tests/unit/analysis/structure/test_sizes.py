"""What works out sizes is told from what a signal goes through."""

import onnx
import pytest

from archlint.analysis.structure.sizes import without_size_arithmetic
from archlint.graph.build import build_graph
from archlint.ops.registry import operators

FLATTENED = """<ir_version: 8, opset_import: ["" : 17]>
net (float[batch, 4, 6] x) => (float[batch, 24] y)
{
  h = Relu(x)  s = Shape(h)  zero = Constant<value = int64 {0}>()  n = Gather(s, zero)
  axes = Constant<value = int64[1] {0}>()  row = Unsqueeze(n, axes)
  rest = Constant<value = int64[1] {-1}>()  sizes = Concat<axis = 0>(row, rest)
  y = Reshape(h, sizes)
}
"""
LOOKED_UP = """<ir_version: 8, opset_import: ["" : 17]>
net (int64[batch] ids, float[100, 8] table) => (float[batch, 8] y)
{ one = Constant<value = int64 {1}>()  next = Add(ids, one)  y = Gather(table, next) }
"""
COUNTED = """<ir_version: 8, opset_import: ["" : 17]>
net (float[batch, 6] x) => (float[batch, 6] y)
{ n = Size(x)  count = Cast<to = 1>(n)  y = Div(x, count) }
"""


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        (FLATTENED, ["Relu", "Shape", "Reshape"]),
        (LOOKED_UP, ["Add", "Gather"]),
        (COUNTED, ["Size", "Cast", "Div"]),
    ],
    ids=["sizes of a reshape", "rows of a table", "a factor"],
)
def test_only_size_arithmetic_is_left_out(text: str, kept: list[str]) -> None:
    graph = build_graph(onnx.parser.parse_model(text))
    assert [node.op for node in without_size_arithmetic(graph, operators())] == kept
