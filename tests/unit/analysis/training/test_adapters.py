"""What a training with low-rank adapters trains, wherever a file keeps its weights."""

from __future__ import annotations

import numpy as np
import pytest
from onnx import ModelProto, parser
from onnx.numpy_helper import from_array

from archlint.analysis.facts import Facts
from archlint.analysis.training.trained_part import trained_part
from archlint.graph.build import build_graph
from archlint.graph.dimensions.bindings import Bindings
from archlint.ops.registry import operators
from archlint.target import Target, Training

STORED = """<ir_version: 8, opset_import: ["" : 17]>
net (float[4, 8] x) => (float[4, 6] y) { h = MatMul (x, w) y = MatMul (h, v) }"""
INSIDE = """<ir_version: 8, opset_import: ["" : 17]>
net (float[4, 8] x, bool deep) => (float[4, 6] y) {
  h = MatMul (x, w)
  y = If (deep) <
    then_branch = one () => (t) { t = MatMul (h, v) },
    else_branch = two () => (e) { a = Relu (h) e = MatMul (a, v) }
  >
}"""


def model(text: str, *, constants: bool) -> ModelProto:
    made = parser.parse_model(text)
    shapes = {"w": (8, 8), "v": (8, 6)}
    tensors = [from_array(np.zeros(shape, np.float32), name) for name, shape in shapes.items()]
    if not constants:
        made.graph.initializer.extend(tensors)
        return made
    for tensor in reversed(tensors):
        node = made.graph.node.add(op_type="Constant", output=[tensor.name])
        node.attribute.add(name="value", type=4, t=tensor)
        made.graph.node.insert(0, made.graph.node.pop())
    return made


@pytest.mark.parametrize("text", [STORED, INSIDE])
@pytest.mark.parametrize("constants", [False, True])
def test_nothing_but_adapters_is_trained(text: str, *, constants: bool) -> None:
    training = Training("adam", lora_rank=2, lora_targets=("*",))
    plain = build_graph(model(text, constants=constants), Bindings(None, {}))
    graph = trained_part(plain, operators(), training)
    facts = Facts(graph, Target(training=training), operators())
    adapters = {name for name in graph.weights if "lora" in name}
    values = sum(graph.values[name].elements or 0 for name in adapters)
    assert facts.training_memory.gradient_bytes == 4 * values
    whole = Facts(plain, Target(training=Training("adam")), operators())
    assert whole.training_memory.gradient_bytes == 4 * (64 + 48)


def test_first_factor_has_the_spread_of_peft() -> None:
    """kaiming_uniform(a=sqrt(5)) of a matrix (rank, features) has sigma 1 / sqrt(3 features)."""
    training = Training("adam", lora_rank=2)
    plain = build_graph(model(STORED, constants=False), Bindings(None, {}))
    graph = trained_part(plain, operators(), training)
    initialization = Facts(graph, Target(training=training), operators()).initialization
    (down,) = (name for name in graph.weights if "lora_A" in name)
    found = initialization.initial(down)
    assert found is not None
    assert found.std == pytest.approx(1 / np.sqrt(3 * 8))
