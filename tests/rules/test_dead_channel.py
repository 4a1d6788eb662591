"""NUM007: a channel is dead where onnxruntime returns the same in it for every input."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from archlint.testing import lint_file, lint_model
from archlint_rules.numerics.dead_channel import DeadChannel

LAYERS = {
    # operator, attributes, shape of the input, shape of the weight, index of output channels
    "Conv": ("Conv", {}, (2, 4, 8, 8), (6, 4, 3, 3), lambda c: (c,)),
    "depthwise": ("Conv", {"group": 6}, (2, 6, 8, 8), (6, 1, 3, 3), lambda c: (c,)),
    "large": ("Conv", {}, (1, 80, 4, 4), (120, 80, 3, 3), lambda c: (c,)),
    "ConvTranspose": ("ConvTranspose", {}, (2, 4, 8, 8), (4, 6, 3, 3), lambda c: (slice(None), c)),
    "large-transposed": (
        "ConvTranspose",
        {},
        (1, 80, 4, 4),
        (80, 120, 3, 3),
        lambda c: (slice(None), c),
    ),
    "depthwise-transposed": (
        "ConvTranspose",
        {"group": 6},
        (2, 6, 8, 8),
        (6, 1, 3, 3),
        lambda c: (c,),
    ),
    "Gemm": ("Gemm", {}, (3, 6), (6, 6), lambda c: (slice(None), c)),
    "Gemm-transposed": ("Gemm", {"transB": 1}, (3, 6), (6, 6), lambda c: (c,)),
    "MatMul": ("MatMul", {}, (3, 6), (6, 6), lambda c: (slice(None), c)),
    "large-product": ("MatMul", {}, (3, 300), (300, 400), lambda c: (slice(None), c)),
}


def built(name, change, dtype=np.float32):
    op, attributes, shape, size, index = LAYERS[name]
    generator = np.random.default_rng(0)
    weight = generator.normal(size=size).astype(dtype)
    change(weight, index)
    kind = helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
    matrix = helper.make_tensor_value_info
    graph = helper.make_graph(
        [
            helper.make_node(op, ["x", "weight"], ["hidden"], name="layer", **attributes),
            helper.make_node("Relu", ["hidden"], ["active"]),
            helper.make_node("ReduceSum", ["active"], ["y"], keepdims=0),
        ],
        "net",
        [matrix("x", kind, shape)],
        [matrix("y", kind, []), matrix("hidden", kind, None)],
        [numpy_helper.from_array(weight, "weight")],
    )
    return helper.make_model(graph, ir_version=9, opset_imports=[helper.make_opsetid("", 18)])


def constant_channels(model, shape):
    onnxruntime = pytest.importorskip("onnxruntime")
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    generator = np.random.default_rng(1)
    outputs = [
        session.run(["hidden"], {"x": generator.normal(size=shape).astype(np.float32)})[0]
        for _ in range(2)
    ]
    same = (outputs[0] == outputs[1]).all(axis=0)
    return np.flatnonzero(same.reshape(same.shape[0], -1).all(axis=1)).tolist()


def zeroed(*channels):
    def change(weight, index):
        for channel in channels:
            weight[index(channel)] = 0

    return change


def nearly(weight, index):
    """Leave the last number of a channel, which is looked at last."""
    last = weight[index(3)].flat[-1]
    weight[index(3)] = 0
    place = weight[index(3)]
    place[(-1,) * place.ndim] = last


@pytest.mark.parametrize("name", LAYERS)
@pytest.mark.parametrize("change", [zeroed(), zeroed(1), zeroed(0, 5), nearly])
def test_channels_are_dead_where_onnxruntime_never_changes_them(name, change):
    model = built(name, change)
    # The output that the test reads would make it the last layer.
    alone = onnx.ModelProto.FromString(model.SerializeToString())
    del alone.graph.output[1]
    findings = lint_model(alone, [DeadChannel])
    found = findings[0].data["channels"] if findings else []
    assert found == constant_channels(model, LAYERS[name][2])


@pytest.mark.parametrize("name", ["large", "large-product", "large-transposed"])
@pytest.mark.parametrize("dtype", [np.float16, np.float64])
def test_large_weights_of_other_formats_are_read_from_beside_the_model(name, dtype, tmp_path):
    model = built(name, zeroed(7, 11), dtype)
    del model.graph.output[1]
    path = tmp_path / "model.onnx"
    onnx.save(model, path, save_as_external_data=True, location="model.bin", size_threshold=0)
    (finding,) = lint_file(path, [DeadChannel])
    assert finding.data["channels"] == [7, 11]
    size = LAYERS[name][3]
    assert finding.data["idle"] == 2 * np.prod(size) / (size[0] if name == "large" else size[1])
    (tmp_path / "model.bin").unlink()
    assert [each.code for each in lint_file(path, [DeadChannel])] == ["FILE002"]


def chain(weights, gains=()):
    """Return a chain of products with a normalization behind each for which there is a gain."""
    nodes, name = [], "x"
    stored = [numpy_helper.from_array(each, f"w{place}") for place, each in enumerate(weights)]
    for place, weight in enumerate(weights):
        nodes.append(helper.make_node("MatMul", [name, f"w{place}"], [f"h{place}"]))
        name = f"h{place}"
        if place < len(gains):
            stored.append(numpy_helper.from_array(gains[place], f"g{place}"))
            shift = np.ones(weight.shape[1], np.float32)
            stored.append(numpy_helper.from_array(shift, f"b{place}"))
            inputs = [name, f"g{place}", f"b{place}"]
            nodes.append(helper.make_node("LayerNormalization", inputs, [f"n{place}"]))
            name = f"n{place}"
    graph = helper.make_graph(
        nodes,
        "chain",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [4, weights[0].shape[0]])],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, [4, weights[-1].shape[1]])],
        stored,
    )
    return helper.make_model(graph, ir_version=9, opset_imports=[helper.make_opsetid("", 18)])


def drawn(rows, columns, *dead):
    weight = np.random.default_rng(0).normal(size=(rows, columns)).astype(np.float32)
    weight[:, list(dead)] = 0
    return weight


def test_a_pruned_network_is_one_finding_of_severity_info():
    half = range(0, 16, 2)
    weights = [drawn(8, 16, *half), *(drawn(16, 16, *half) for _ in range(9)), drawn(16, 4)]
    (finding,) = lint_model(chain(weights), [DeadChannel])
    assert str(finding.severity) == "info"
    assert finding.data["idle"] == 8 * 8 + 9 * 8 * 16
    assert "8 of 16 output channels" in finding.message
    assert "80 in all 10 such tensors" in finding.message


def test_tensors_of_zeros_alone_and_rows_of_a_vocabulary_pass():
    zeros = np.zeros((16, 16), np.float32)
    assert lint_model(chain([drawn(8, 16), zeros, drawn(16, 4)]), [DeadChannel]) == []
    assert lint_model(chain([drawn(8, 16), drawn(16, 40, *range(32, 40))]), [DeadChannel]) == []


@pytest.mark.parametrize(
    ("gains", "dead"),
    [
        ([1, 0.5, -2, 1], []),
        ([1, 0, -2, 1], [1]),
        ([1, 1e-8, -2, 1e-9], [1, 3]),
        ([1e-3, 2e-3, 4e-3, 1], []),
        ([0, 0, 0, 0], []),
    ],
)
def test_channels_with_gains_next_to_zero_are_dead(gains, dead):
    model = chain([drawn(8, 4), drawn(4, 4)], [np.array(gains, np.float32)])
    findings = lint_model(model, [DeadChannel])
    assert [each.data["channels"] for each in findings] == [dead] * bool(dead)


def test_of_very_many_channels_some_are_looked_at():
    """More than 65,536 channels: every second one, of rows that lie one after the other."""
    wide = np.random.default_rng(0).normal(size=(70_000, 4)).astype(np.float32)
    wide[[10, 11, 20]] = 0
    graph = helper.make_graph(
        [
            helper.make_node("Gemm", ["x", "wide"], ["h"], transB=1),
            helper.make_node("Relu", ["h"], ["a"]),
            helper.make_node("ReduceSum", ["a"], ["y"], keepdims=0),
        ],
        "wide",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [2, 4])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [])],
        [numpy_helper.from_array(wide, "wide")],
    )
    model = helper.make_model(graph, ir_version=9, opset_imports=[helper.make_opsetid("", 18)])
    (finding,) = lint_model(model, [DeadChannel])
    assert finding.data["channels"] == [10, 20]
    assert finding.data["tensors"] == {"wide": {"dead": 2, "of": 35_000}}
    assert "at least 8 weights compute nothing" in finding.message  # 12 do


def test_a_gain_next_to_zero_is_found_in_the_weight_that_it_was_folded_into():
    """As a batch norm with gains of 1e-9 leaves it, unless a norm comes behind."""
    weight = drawn(8, 16)
    weight[:, 5] *= 1e-9
    weight[:, 6] *= 1e-3
    (finding,) = lint_model(chain([weight, drawn(16, 4)]), [DeadChannel])
    assert finding.data["channels"] == [5]
    gains = [np.ones(16, np.float32)]
    assert lint_model(chain([weight, drawn(16, 4)], gains), [DeadChannel]) == []


@pytest.mark.parametrize("inputs", [8, 400])
def test_a_weight_of_a_constant_node_is_read(inputs):
    model = chain([drawn(inputs, 16, 2, 9), drawn(16, 4)])
    (stored,) = (each for each in model.graph.initializer if each.name == "w0")
    model.graph.node.insert(0, helper.make_node("Constant", [], ["w0"], value=stored))
    model.graph.initializer.remove(stored)
    (finding,) = lint_model(model, [DeadChannel])
    assert finding.data["channels"] == [2, 9]


def test_a_basis_in_a_buffer_may_have_channels_of_zeros():
    """It is 0 everywhere on purpose, as that of the highest: the weight is a buffer."""
    angles = 2 * np.pi / 16 * np.outer(np.arange(9), np.arange(16))
    basis = np.concatenate([np.cos(angles), -np.sin(angles)])[:, None].astype(np.float32)
    for name, dead in (("stft.forward_basis_buffer", []), ("filters.weight", [9, 17])):
        graph = helper.make_graph(
            [
                helper.make_node("Conv", ["x", name], ["h"], strides=[8]),
                helper.make_node("Relu", ["h"], ["a"]),
                helper.make_node("ReduceSum", ["a"], ["y"], keepdims=0),
            ],
            "net",
            [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 1, 160])],
            [helper.make_tensor_value_info("y", TensorProto.FLOAT, [])],
            [numpy_helper.from_array(basis, name)],
        )
        model = helper.make_model(
            graph,
            ir_version=9,
            opset_imports=[helper.make_opsetid("", 18)],
            producer_name="pytorch",
        )
        found = [each.data["channels"] for each in lint_model(model, [DeadChannel])]
        assert found == [dead] * bool(dead)
