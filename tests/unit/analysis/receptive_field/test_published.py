"""Receptive fields against the closed form of Araujo et al. 2019 and published numbers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import prod
from typing import Any

import onnx
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper

from archlint.ops.sliding import Sliding, input_size, output_size

OPSET = helper.make_opsetid("", 18)


@dataclass(frozen=True)
class Layer:
    """A convolution along each axis: kernels, strides, dilations, paddings at both ends."""

    kernel: tuple[int, ...]
    stride: tuple[int, ...]
    dilation: tuple[int, ...]
    before: tuple[int, ...]
    after: tuple[int, ...]


class Chain:
    """Convolutions of one channel, without contents of weights."""

    def __init__(self, *spatial: int | str) -> None:
        self.spatial = spatial
        self.nodes: list[onnx.NodeProto] = []
        self.inputs = [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 1, *spatial])]
        self.stored: list[onnx.TensorProto] = []

    def conv(self, source: str, kernel: int, stride: int = 1, padding: int = 0) -> str:
        axes = len(self.spatial)
        same = (padding,) * axes
        return self.layer(
            source, Layer((kernel,) * axes, (stride,) * axes, (1,) * axes, same, same)
        )

    def pool(self, source: str, kernel: int, stride: int, padding: int = 0) -> str:
        axes = len(self.spatial)
        return self.add(
            "MaxPool", source, kernel_shape=[kernel] * axes, strides=[stride] * axes,
            pads=[padding] * (2 * axes),
        )  # fmt: skip

    def layer(self, source: str, layer: Layer) -> str:
        weight = f"w{len(self.nodes)}"
        self.stored.append(
            helper.make_tensor(
                weight,
                TensorProto.FLOAT,
                [1, 1, *layer.kernel],
                b"\0\0\0\0" * prod(layer.kernel),
                raw=True,
            )
        )
        return self.add(
            "Conv", source, weight, kernel_shape=layer.kernel, strides=layer.stride,
            dilations=layer.dilation, pads=[*layer.before, *layer.after],
        )  # fmt: skip

    def add(self, op: str, *inputs: str, **attributes: Any) -> str:
        name = f"t{len(self.nodes)}"
        self.nodes.append(helper.make_node(op, inputs, [name], name, **attributes))
        return name

    def model(self, output: str) -> onnx.ModelProto:
        outputs = [helper.make_tensor_value_info(output, TensorProto.FLOAT, None)]
        graph = helper.make_graph(self.nodes, "chain", self.inputs, outputs, self.stored)
        return helper.make_model(graph, opset_imports=[OPSET], ir_version=9)


@st.composite
def stacks(draw: st.DrawFn) -> list[Layer]:
    axes = draw(st.integers(1, 3))
    numbers = st.tuples(*[st.integers(1, 7)] * axes)
    steps = st.tuples(*[st.integers(1, 3)] * axes)
    pads = st.tuples(*[st.integers(0, 5)] * axes)
    layer = st.builds(Layer, numbers, steps, steps, pads, pads)
    return draw(st.lists(layer, min_size=1, max_size=6))


@settings(max_examples=100, deadline=None, derandomize=True)
@given(stack=stacks())
def test_a_stack_has_the_field_of_the_closed_form(
    analyse: Callable[..., Any], stack: list[Layer]
) -> None:
    axes = len(stack[0].kernel)
    chain = Chain(*["size"] * axes)
    name = "x"
    for layer in stack:
        name = chain.layer(name, layer)
    fields = analyse(chain.model(name))
    for axis in range(axes):
        size, jump, padding = 1, 1, 0
        for layer in stack:
            size += layer.dilation[axis] * (layer.kernel[axis] - 1) * jump
            padding += layer.before[axis] * jump
            jump *= layer.stride[axis]
        extent = next(each for each in fields.extents if each.axis == axis + 2)
        field = fields.of(name, extent)
        assert (field.size, field.reach.stride, field.reach.padding) == (
            (size, size),
            jump,
            padding,
        )
        assert field.axis == axis + 2


@settings(max_examples=60, deadline=None, derandomize=True)
@given(stack=stacks(), size=st.integers(20, 400))
def test_a_stack_has_the_output_size_of_the_closed_form(
    analyse: Callable[..., Any], stack: list[Layer], size: int
) -> None:
    axes = len(stack[0].kernel)
    chain = Chain(*[size] * axes)
    name, sizes = "x", [size] * axes
    for layer in stack:
        name = chain.layer(name, layer)
        for axis in range(axes):
            span = layer.dilation[axis] * (layer.kernel[axis] - 1) + 1
            padded = sizes[axis] + layer.before[axis] + layer.after[axis]
            sizes[axis] = (padded - span) // layer.stride[axis] + 1
        assume(min(sizes) > 0)
    assert analyse(chain.model(name)).graph.values[name].shape == (1, 1, *sizes)


def size_of(analyse: Callable[..., Any], chain: Chain, name: str) -> int:
    fields = analyse(chain.model(name))
    sizes = {fields.of(name, extent).size for extent in fields.extents}
    assert len(sizes) == 1
    return int(sizes.pop()[0])


def test_alexnet(analyse: Callable[..., Any]) -> None:
    chain = Chain(224, 224)
    name = chain.pool(chain.conv("x", 11, 4, 2), 3, 2)
    name = chain.pool(chain.conv(name, 5, 1, 2), 3, 2)
    for _ in range(3):
        name = chain.conv(name, 3, 1, 1)
    assert size_of(analyse, chain, chain.pool(name, 3, 2)) == 195


def test_vgg_16(analyse: Callable[..., Any]) -> None:
    chain, name = Chain(224, 224), "x"
    for convolutions in (2, 2, 3, 3, 3):
        for _ in range(convolutions):
            name = chain.conv(name, 3, 1, 1)
        name = chain.pool(name, 2, 2)
    assert size_of(analyse, chain, name) == 212


def test_patch_gan(analyse: Callable[..., Any]) -> None:
    chain, name = Chain(256, 256), "x"
    for stride in (2, 2, 2, 1, 1):
        name = chain.conv(name, 4, stride, 1)
    assert size_of(analyse, chain, name) == 70


@pytest.mark.parametrize(("stride_first", "size"), [(True, 427), (False, 483)])
def test_resnet_50(analyse: Callable[..., Any], stride_first: bool, size: int) -> None:
    """Stride in the first block of a stage as in torchvision, or in the last as in TF-Slim."""
    chain = Chain(224, 224)
    name = chain.pool(chain.conv("x", 7, 2, 3), 3, 2, 1)
    for stage, blocks in enumerate((3, 4, 6, 3)):
        strided = (0 if stage else None) if stride_first else (blocks - 1 if stage < 3 else None)
        for block in range(blocks):
            stride = 2 if block == strided else 1
            inner = chain.conv(chain.conv(name, 1), 3, stride, 1)
            shortcut = chain.conv(name, 1, stride) if stride > 1 or block == 0 else name
            name = chain.add("Add", chain.conv(inner, 1), shortcut)
    assert size_of(analyse, chain, name) == size


def test_automatic_padding_of_an_unknown_size(analyse: Callable[..., Any]) -> None:
    """The size does not depend on the padding; where the field lies is not told, nor alignment."""
    chain = Chain("H", "W")
    strided = chain.add("MaxPool", "x", kernel_shape=[3, 3], strides=[2, 2], auto_pad="SAME_UPPER")
    beside = chain.conv("x", 1, 2)
    fields = analyse(chain.model(chain.add("Add", strided, beside)))
    field = fields.of(strided, fields.extents[0])
    assert (field.size, field.reach.stride, field.is_placed) == ((3, 3), 2, False)
    assert {join.aligned for join in fields.joins} == {None}


@given(
    size=st.integers(1, 200),
    kernel=st.integers(1, 9),
    stride=st.integers(1, 5),
    padding=st.integers(0, 6),
)
def test_the_smallest_input_of_an_output_makes_it(
    size: int, kernel: int, stride: int, padding: int
) -> None:
    window = Sliding(kernel, stride, 1, padding, padding)
    smallest = input_size(size, window)
    assert smallest is not None
    assert output_size(smallest, window) == size
    assert output_size(smallest - 1, window) == size - 1
    places = range(0, smallest + 2 * padding - kernel + 1, stride)
    assert size == len(places)
