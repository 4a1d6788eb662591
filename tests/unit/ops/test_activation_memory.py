"""What activations keep: their input, or their output alone where they are computed in place."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from archlint.analysis.facts import Facts
from archlint.frontends.architecture import compile_architecture
from archlint.graph.build import build_graph
from archlint.graph.node import Node
from archlint.graph.program.in_place import called_in_place
from archlint.ops.registry import operators
from archlint.sources.yaml_document import parse_yaml
from archlint.target import Target, Training

MAP = 4 * 2 * 8 * 5 * 5  # bytes of a map of 8 channels


def facts(
    before: str,
    *,
    slope: float = 0.2,
    activation: str = "LeakyRelu",
    in_place: bool | None = None,
) -> Facts:
    return facts_of(layers(before, activation, slope=slope), [], in_place=in_place)


def layers(before: str, activation: str, *, slope: float) -> list[onnx.NodeProto]:
    # The second convolution keeps its input in any case; the first one keeps x.
    operands = ["mapped", "a"] if before == "Conv" else ["mapped"]
    return [
        helper.make_node("Conv", ["x", "a"], ["mapped"]),
        helper.make_node(before, operands, ["before"]),
        helper.make_node(activation, ["before"], ["leaky"], alpha=slope),
        helper.make_node("Conv", ["leaky", "a"], ["y"]),
    ]


def facts_of(
    nodes: list[onnx.NodeProto], stored: list[onnx.TensorProto], *, in_place: bool | None
) -> Facts:
    ends = [helper.make_tensor_value_info(n, TensorProto.FLOAT, [2, 8, 5, 5]) for n in "xy"]
    weight = numpy_helper.from_array(np.zeros((8, 8, 1, 1), np.float32), "a")
    graph = helper.make_graph(nodes, "g", ends[:1], ends[1:], [weight, *stored])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)])
    training = Training("sgd", batch_norm="present", dropout="present", in_place=in_place)
    return Facts(build_graph(model), Target(training=training), operators())


@pytest.mark.parametrize("slope", [0.01, 0.1, 0.2])
def test_after_a_convolution_both_modes_are_possible(slope: float) -> None:
    # PyTorch 2.13: 6400 bytes more for nn.LeakyReLU(slope) than with inplace=True.
    found = facts("Conv", slope=slope)
    assert (found.saved.total.low, found.saved.total.high) == (3 * MAP, 4 * MAP)
    assert found.training_memory.peak.low < found.training_memory.peak.high
    assert "in place" in (found.training_note or "")


@pytest.mark.parametrize("activation", ["LeakyRelu", "Elu", "Celu"])
@pytest.mark.parametrize(("in_place", "maps"), [(True, 3), (False, 4)])
def test_a_stated_mode_is_exact(activation: str, maps: int, *, in_place: bool) -> None:
    # PyTorch 2.13: inplace=True keeps a map less, of LeakyReLU, ELU, CELU and SELU alike.
    found = facts("Conv", activation=activation, in_place=in_place)
    assert found.saved.total.value == maps * MAP
    assert found.training_note is None


@pytest.mark.parametrize("activation", ["Elu", "Celu"])
def test_an_elu_is_out_of_place_by_default(activation: str) -> None:
    assert facts("Conv", activation=activation).saved.total.value == 4 * MAP


@pytest.mark.parametrize(
    ("line", "more"),
    [
        ("return F.leaky_relu(self.conv(x), 0.2)", (1, 1)),
        ("x = torch.nn.functional.leaky_relu(x, 0.2, True)", (0, 0)),
        ("y = leaky_relu(x, inplace=True)", (0, 0)),
        ("F.leaky_relu_(x, 0.2)", (0, 0)),
        ("x = F.leaky_relu(x, 0.2), F.leaky_relu_(y)", (0, 1)),
        ("return F.leaky_relu(input, self.negative_slope, self.inplace)", (0, 1)),
        ("x = F.leaky_relu(x, **options)", (0, 1)),
        ("x = F.leaky_relu(*operands)", (0, 1)),
        ("x = self.act(x)", (0, 1)),
        ("x = F.leaky_relu(", (0, 1)),
    ],
)
def test_the_source_line_decides_the_mode(line: str, more: tuple[int, int]) -> None:
    nodes = layers("Conv", "LeakyRelu", slope=0.2)
    calls = (("forward", "y = self.body(x)"), ("bend", line))
    text = "\n".join(f'  File "net.py", line 3, in {name}\n    {code}' for name, code in calls)
    nodes[2].metadata_props.add(key="pkg.torch.onnx.stack_trace", value=text)
    found = facts_of(nodes, [], in_place=None).saved.total
    assert (found.low - 3 * MAP, found.high - 3 * MAP) == tuple(MAP * each for each in more)


@pytest.mark.parametrize("before", ["AveragePool", "MaxPool", "Identity", "Transpose"])
def test_any_new_tensor_may_be_overwritten(before: str) -> None:
    # PyTorch 2.13: behind a pooling and behind a view of it alike.
    nodes = layers("Conv", "LeakyRelu", slope=0.2)
    attributes = {"kernel_shape": [1, 1]} if before.endswith("Pool") else {}
    nodes[1] = helper.make_node(before, ["mapped"], ["before"], **attributes)
    less, more = (facts_of(nodes, [], in_place=said).saved.total.value for said in (True, False))
    assert more == less + MAP


def test_one_of_several_views_is_not_overwritten() -> None:
    # PyTorch 2.13 refuses: "is a view and is being modified inplace", of a split.
    nodes = [
        helper.make_node("Conv", ["x", "a"], ["mapped"]),
        helper.make_node("Split", ["mapped"], ["before", "rest"], axis=1, num_outputs=2),
        helper.make_node("LeakyRelu", ["before"], ["leaky"]),
        helper.make_node("Concat", ["leaky", "rest"], ["joined"], axis=1),
        helper.make_node("Conv", ["joined", "a"], ["y"]),
    ]
    one, other = (facts_of(nodes, [], in_place=said).saved.total.value for said in (True, False))
    assert one == other


def test_a_saved_tensor_is_not_overwritten() -> None:
    # A sigmoid keeps its output: PyTorch refuses to differentiate after a write over it.
    saved = facts("Sigmoid").saved.total
    assert saved.value == 3 * MAP


@pytest.mark.parametrize("norm", ["GroupNormalization", "LayerNormalization"])
def test_the_output_of_a_norm_may_be_overwritten(norm: str) -> None:
    sizes = {"GroupNormalization": [8], "LayerNormalization": [5]}[norm]
    attributes = {"num_groups": 2} if norm == "GroupNormalization" else {}
    units = [numpy_helper.from_array(np.full(sizes, 1, np.float32), name) for name in ("g", "s")]
    nodes = [
        helper.make_node("Conv", ["x", "a"], ["mapped"]),
        helper.make_node(norm, ["mapped", "g", "s"], ["before"], **attributes),
        helper.make_node("LeakyRelu", ["before"], ["leaky"], alpha=0.2),
        helper.make_node("Conv", ["leaky", "a"], ["y"]),
    ]
    less, more = (facts_of(nodes, units, in_place=said).saved.total for said in (True, False))
    # PyTorch 2.13: inplace=True keeps the map of the norm's output less, behind either norm.
    assert more.low == more.high == less.high + MAP == less.low + MAP


@pytest.mark.parametrize(("written", "maps"), [("true", 3), ("false", 4)])
@pytest.mark.parametrize("layer", ["LeakyReLU", "ELU", "CELU", "SELU"])
def test_an_architecture_file_states_the_mode(layer: str, written: str, maps: int) -> None:
    conv = "Conv2d: {out_channels: 8, kernel_size: 1, bias: false}"
    text = f"""
archlint: 1
inputs: {{x: [2, 8, 5, 5]}}
layers: [{conv}, {conv}, {layer}: {{inplace: {written}}}, {conv}]
"""
    model = compile_architecture(parse_yaml(text.encode()), Path()).model
    found = Facts(build_graph(model), Target(training=Training("sgd")), operators())
    assert found.saved.total.value == maps * MAP


def test_a_source_line_without_the_function_decides_nothing() -> None:
    line = f"x = leaky{'()' * 480}"
    metadata = {"pkg.torch.onnx.stack_trace": f'File "net.py", line 1, in forward\n    {line}'}
    assert called_in_place(Node("n", "LeakyRelu", "", (), (), {}, metadata)) is None
