"""Calls that torch.export's optimizer merged: training runs each, and saves what each made."""

from __future__ import annotations

import numpy as np
import pytest
from onnx import numpy_helper, parser

from archlint.analysis.facts import Facts
from archlint.graph.build import build_graph
from archlint.ops.registry import operators
from archlint.target import Target, Training

SIGNATURE = "pkg.torch.export.ExportedProgram.graph_signature"
STORED = {"t.weight": (16, 16), "a.weight": (160, 3), "b.weight": (160, 2), "c.weight": (16, 2)}
TEXT = """
<ir_version: 10, opset_import: ["" : 20], producer_name: "pytorch">
net (float[3, 10, 16] x) => (a, b, c) <int64[2] sizes = {3, 160}, int64[1] axis = {1}> {
    matmul = MatMul(x, t_weight)
    relu = Relu(matmul)
    view = Reshape(relu, sizes)
    a = MatMul(view, a_weight)
    b = MatMul(view, b_weight)
    mean = ReduceMean<keepdims = 0>(relu, axis)
    c = MatMul(mean, c_weight)
}"""
# Each of three heads applies ReLU itself, and two of them reshape what it makes: the file has the
# calls of the first, and the other two name theirs.
CALLS = {
    "matmul": ("matmul.default", "%x, %p_t_weight"),
    "relu": ("relu.default", "%matmul,"),
    "view": ("view.default", "%relu, [3, 160]"),
    "a": ("matmul.default", "%view, %p_a_weight"),
    "b": ("matmul.default", "%view_1, %p_b_weight"),
    "mean": ("mean.dim", "%relu_2, [1]"),
    "c": ("matmul.default", "%mean, %p_c_weight"),
}
NAMES = {"a": "matmul_1", "b": "matmul_2", "c": "matmul_3"}


@pytest.fixture
def facts() -> Facts:
    model = parser.parse_model(TEXT)
    for node in model.graph.node:
        target, arguments = CALLS[node.output[0]]
        name = NAMES.get(node.output[0], node.output[0])
        call = f"%{name} : [num_users=1] = call_function[target=torch.ops.aten.{target}]"
        call += f"(args = ({arguments}), kwargs = {{}})"
        node.metadata_props.add(key="pkg.torch.onnx.fx_node", value=call)
        node.name = f"node_{name}"
        node.input[:] = [each.replace("_weight", ".weight") for each in node.input]
        node.output[:] = [NAMES.get(each, each) for each in node.output]
    for output in model.graph.output:
        output.name = NAMES[output.name]
    numbers = np.random.default_rng(0)
    model.graph.initializer.extend(
        numpy_helper.from_array(numbers.normal(size=shape).astype(np.float32), name)
        for name, shape in STORED.items()
    )
    inputs = [f"p_{name.replace('.', '_')}: PARAMETER target='{name}'" for name in STORED]
    outputs = [f"{name}: USER_OUTPUT" for name in NAMES.values()]
    lines = ["# inputs", *inputs, "x: USER_INPUT", "", "# outputs", *outputs]
    model.graph.metadata_props.add(key=SIGNATURE, value="\n".join(lines))
    return Facts(build_graph(model), Target(training=Training("sgd")), operators())


def test_each_of_three_merged_calls_keeps_its_result(facts: Facts) -> None:
    names = [node.name for node in facts.saved.graph.nodes]
    assert sum(node.op == "Relu" for node in facts.saved.graph.nodes) == 3
    assert len(names) == len(set(names))
    # The input and what ReLU made, in each head, of 480 floats; the mean of 48.
    assert facts.saved.total.value == 4 * (480 + 3 * 480 + 48)
