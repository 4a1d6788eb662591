"""DEPLOY001 and DEPLOY005: what an accelerator gets, as the checker of onnxruntime counts it."""

from importlib.resources import files

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

from archlint.devices.runtimes import runtimes
from archlint.target import RUNTIMES
from archlint.testing import lint_model, lint_text
from archlint_rules.deployment.scattered_partition import ScatteredPartition
from archlint_rules.deployment.unsupported_operator import UnsupportedOperator

LISTS = {
    "onnxruntime-nnapi": "nnapi_supported_ops.md",
    "onnxruntime-coreml-mlprogram": "coreml_supported_mlprogram_ops.md",
    "onnxruntime-coreml-neuralnetwork": "coreml_supported_neuralnetwork_ops.md",
}


def checker():
    return pytest.importorskip("onnxruntime.tools.mobile_helpers.usability_checker")


def counted(model, name):
    """Return what onnxruntime's checker says: parts, supported nodes and unsupported operators."""
    tool = checker()
    if name == "onnxruntime-nnapi":
        found = tool.check_nnapi_partitions(model, False)
    else:
        found = tool.check_coreml_partitions(model, False, LISTS[name])
    return found.num_partitions, found.num_supported_nodes, found.unsupported_ops


UNARY = ["Relu", "Sigmoid", "Sqrt", "Erf", "Softsign", "Exp", "Sin", "Floor", "Selu", "LeakyRelu"]
BINARY = ["Add", "Mul", "Max", "Mod", "Sub"]


def drawn(seed, nodes=30):
    """Return a random graph of elementwise operators."""
    generator = np.random.default_rng(seed)
    tensors, calls = ["x"], []
    for place in range(nodes):
        op = str(generator.choice(UNARY if generator.random() < 0.6 else BINARY))
        count = 1 if op in UNARY else 2
        inputs = [str(generator.choice(tensors[-6:])) for _ in range(count)]
        attributes = {"fmod": 1} if op == "Mod" else {}
        calls.append(helper.make_node(op, inputs, [f"t{place}"], name=f"n{place}", **attributes))
        tensors.append(f"t{place}")
    read = {name for call in calls for name in call.input}
    ends = [name for name in tensors if name not in read]
    info = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [2, 8]) for name in ends]
    given = helper.make_tensor_value_info("x", TensorProto.FLOAT, [2, 8])
    graph = helper.make_graph(calls, "drawn", [given], info)
    return helper.make_model(graph, ir_version=8, opset_imports=[helper.make_opsetid("", 17)])


@pytest.mark.parametrize("name", RUNTIMES)
@pytest.mark.parametrize("seed", range(40))
def test_the_parts_of_a_random_graph_are_those_of_onnxruntime(name, seed):
    model = drawn(seed)
    parts, supported, operators = counted(model, name)
    findings = lint_model(model, [UnsupportedOperator], {"runtime": name})
    lacking = findings[0].data if findings else {"nodes": [], "operators": {}}
    assert len(model.graph.node) - len(lacking["nodes"]) == supported
    assert {f"ai.onnx:{op}" for op in lacking["operators"]} == {str(op) for op in operators}
    scattered = lint_model(model, [ScatteredPartition], {"runtime": name})
    assert bool(scattered) == (parts > 2)
    if scattered:
        assert len(scattered[0].data["parts"]) == parts
        assert sum(scattered[0].data["parts"]) == supported


def test_the_tables_are_those_of_onnxruntime():
    assert tuple(sorted(runtimes())) == RUNTIMES
    tool = checker()
    version = pytest.importorskip("onnxruntime").__version__
    for name, runtime in runtimes().items():
        if version != runtime.version:
            pytest.skip(f"the tables are of {runtime.version}")
        text = files(tool.__package__).joinpath(LISTS[name]).read_text(encoding="utf-8")
        cells = [line.split("|")[1] for line in text.splitlines() if line.startswith("|ai.onnx")]
        listed = {cell[len("ai.onnx") + 1 :].lower() for cell in cells}
        assert {op.lower() for domain, op in runtime.operators if not domain} == listed


def convolved(shape, kernel):
    """Return a convolution, a norm that is merged into it, and a pooling."""
    channels = shape[1]
    sizes = {"w": (4, channels, *kernel), "g": (4,), "b": (4,), "m": (4,), "v": (4,)}
    ones = {name: np.ones(size, np.float32) for name, size in sizes.items()}
    stored = [numpy_helper.from_array(array, name) for name, array in ones.items()]
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["h"]),
        helper.make_node("BatchNormalization", ["h", "g", "b", "m", "v"], ["n"]),
        helper.make_node("Identity", ["n"], ["i"]),
        helper.make_node("Relu", ["i"], ["y"]),
    ]
    info = helper.make_tensor_value_info
    outer = [4 if axis == 1 else size for axis, size in enumerate(shape)]
    graph = helper.make_graph(nodes, "g", [info("x", 1, shape)], [info("y", 1, outer)], stored)
    return helper.make_model(graph, ir_version=8, opset_imports=[helper.make_opsetid("", 17)])


@pytest.mark.parametrize(
    ("name", "axes"),
    [
        ("onnxruntime-nnapi", {4}),
        ("onnxruntime-coreml-mlprogram", {3, 4}),
        ("onnxruntime-coreml-neuralnetwork", {3, 4}),
    ],
)
def test_convolutions_run_along_as_many_axes_as_the_accelerator_has(name, axes):
    for rank in (3, 4, 5):
        model = convolved([1, 3, *[8] * (rank - 2)], [1] * (rank - 2))
        findings = lint_model(model, [UnsupportedOperator], {"runtime": name})
        told = [each.data["operators"] for each in findings]
        assert told == ([] if rank in axes else [{f"Conv of {rank} axes": 1}])


def test_a_list_of_ones_own_says_what_is_supported():
    text = "archlint: 1\nname: n\ninputs: {x: [1, 8]}\nlayers: [Linear: {out_features: 4}, GELU]\n"
    own = {"runtime-operators": ["Relu", "ai.onnx:Gemm"]}
    (finding,) = lint_text(text, [UnsupportedOperator], own)
    assert finding.data["operators"] == {"Gelu": 1}
    own["runtime-operators"].append("Gelu")
    assert lint_text(text, [UnsupportedOperator], own) == []
    assert lint_text(text, [UnsupportedOperator, ScatteredPartition]) == []
