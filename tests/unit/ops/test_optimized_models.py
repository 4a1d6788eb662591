"""The same network before and after onnxruntime optimized or quantized it."""

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper, parser
from onnxruntime.quantization import QuantFormat, quant_utils, quantize_dynamic, quantize_static

from archlint.analysis.receptive_field.receptive_fields import ReceptiveFields
from archlint.graph.build import build_graph
from archlint.ops.call import Call
from archlint.ops.registry import operators

OPERATORS = operators()
LEVELS = onnxruntime.GraphOptimizationLevel

# A residual network of 16 channels, which fill blocks of 8 and of 16 without a rest.
RESIDUAL = """
<ir_version: 10, opset_import: ["" : 17]>
g (float[2, 3, 24, 20] x) => (float[2, 5] y) {
    a = Conv <strides = [2, 2], pads = [1, 1, 1, 1]> (x, w0, b0)
    b = Relu (a)
    c = MaxPool <kernel_shape = [3, 3], strides = [2, 2], pads = [1, 1, 1, 1]> (b)
    d = Conv <pads = [1, 1, 1, 1], group = 16> (c, w1, b0)
    e = LeakyRelu <alpha = 0.1> (d)
    f = Conv <pads = [1, 1, 1, 1]> (e, w2, b0)
    s = Add (f, c)
    h = Relu (s)
    p = GlobalAveragePool (h)
    q = Flatten (p)
    y = Gemm <transB = 1> (q, w3, b1)
}
"""
WEIGHTS = {
    "w0": (16, 3, 3, 3),
    "b0": (16,),
    "w1": (16, 1, 3, 3),
    "w2": (16, 16, 3, 3),
    "w3": (5, 16),
    "b1": (5,),
}
# Output elements times the products that each sums.
MACS = 2 * (16 * 12 * 10 * 27 + 16 * 6 * 5 * 9 + 16 * 6 * 5 * 144 + 5 * 16)


@pytest.fixture
def network(tmp_path):
    model = parser.parse_model(RESIDUAL)
    random = np.random.default_rng(0)
    model.graph.initializer.extend(
        numpy_helper.from_array(random.normal(0, 0.1, shape).astype(np.float32), name)
        for name, shape in WEIGHTS.items()
    )
    path = tmp_path / "network.onnx"
    onnx.save(onnx.shape_inference.infer_shapes(model), path)
    return path


def optimized(path, level):
    target = path.with_suffix(f".{level.name}.onnx")
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = level
    options.optimized_model_filepath = str(target)
    options.intra_op_num_threads = 1
    options.log_severity_level = 4
    onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    return target


class Samples:
    """Two random inputs to calibrate a quantized network with."""

    def __init__(self):
        random = np.random.default_rng(1)
        self.left = [{"x": random.normal(0, 1, (2, 3, 24, 20)).astype(np.float32)}] * 2

    def get_next(self):
        return self.left.pop() if self.left else None


def quantized(path, form):
    target = path.with_suffix(f".{form}.onnx")
    if form == "dynamic":
        quantize_dynamic(path, target, weight_type=quant_utils.QuantType.QUInt8)
    else:
        quantize_static(path, target, Samples(), quant_format=QuantFormat[form])
    return target


def macs(graph):
    return sum(OPERATORS.of(node).cost(Call(node, graph)).macs for node in graph.nodes)


def open_tensors(graph):
    values = (graph.values[name] for node in graph.nodes for name in node.outputs if name)
    return [value.name for value in values if value.sizes is None or value.dtype is None]


def fields(graph):
    """Return what the outputs, and the last feature map, read of each axis of the input."""
    found = ReceptiveFields(graph, OPERATORS)
    maps = [name for name in found.maps if len(graph.values[name].shape or ()) == 4]
    return {
        (extent.axis, name in graph.outputs): found.of(name, extent).size
        for extent in found.extents
        for name in (*maps[-1:], *graph.outputs)
    }


@pytest.mark.parametrize(
    "level", [LEVELS.ORT_ENABLE_BASIC, LEVELS.ORT_ENABLE_EXTENDED, LEVELS.ORT_ENABLE_ALL]
)
def test_optimizing_changes_nothing(network, level):
    before = build_graph(onnx.load(network))
    after = build_graph(onnx.load(optimized(network, level)))

    assert open_tensors(after) == []
    assert fields(after) == fields(before)
    if level is not LEVELS.ORT_ENABLE_ALL:
        assert macs(after) == MACS


def test_blocked_layouts_give_the_facts_of_the_original_file(network):
    path = optimized(network, LEVELS.ORT_ENABLE_ALL)
    blocked = [node for node in build_graph(onnx.load(path)).nodes if "nchwc" in node.domain]

    # Channels fill their blocks, so that nothing is computed in vain.
    assert {node.op for node in blocked} >= {"Conv", "MaxPool", "GlobalAveragePool"}
    assert macs(build_graph(onnx.load(path))) == MACS


@pytest.mark.parametrize("form", ["dynamic", "QDQ"])
def test_quantizing_changes_nothing(network, form):
    before = build_graph(onnx.load(network))
    after = build_graph(onnx.load(quantized(network, form)))

    assert open_tensors(after) == []
    assert macs(after) == MACS
    assert fields(after) == fields(before)


def test_quantizing_and_optimizing_changes_nothing(network):
    before = build_graph(onnx.load(network))
    path = optimized(quantized(network, "QDQ"), LEVELS.ORT_ENABLE_EXTENDED)
    after = build_graph(onnx.load(path))

    assert {"QLinearConv", "QGemm"} <= {node.op for node in after.nodes}
    assert open_tensors(after) == []
    assert macs(after) == MACS
    assert fields(after) == fields(before)


@pytest.mark.parametrize("channels_last", [0, 1])
def test_channels_last_gives_the_same_facts(channels_last):
    first = (1, 4, 11, 9)
    shape = (1, 11, 9, 4) if channels_last else first
    number = helper.make_tensor("s", TensorProto.FLOAT, [], [0.1])
    zero = helper.make_tensor("z", TensorProto.UINT8, [], [3])
    kernel = numpy_helper.from_array(np.ones((6, 2, 3, 3), np.uint8), "w")
    node = helper.make_node(
        "QLinearConv",
        ["x", "s", "z", "w", "s", "z", "s", "z"],
        ["y"],
        domain="com.microsoft",
        group=2,
        strides=[2, 1],
        pads=[1, 0, 1, 0],
        channels_last=channels_last,
    )
    data = helper.make_tensor_value_info("x", TensorProto.UINT8, shape)
    graph = helper.make_graph([node], "g", [data], [onnx.ValueInfoProto(name="y")])
    graph.initializer.extend([number, zero, kernel])
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("com.microsoft", 1)]
    built = build_graph(helper.make_model(graph, opset_imports=opsets, ir_version=10))
    fields = ReceptiveFields(built, OPERATORS)
    rows, columns = (1, 2) if channels_last else (2, 3)
    found = {extent.axis: fields.of("y", extent) for extent in fields.extents}

    assert built.values["y"].sizes == ((1, 6, 7, 6) if channels_last else (1, 6, 6, 7))
    assert macs(built) == 6 * 6 * 7 * 2 * 9
    assert (found[rows].size, found[rows].reach.stride, found[rows].axis) == ((3, 3), 2, rows)
    assert (found[columns].size, found[columns].reach.stride) == ((3, 3), 1)
