"""Models made for measuring: graphs like real ones, weights that do not exist.

Big weights are holes in sparse files, so a model of many GB takes no room on the disk.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from archlint.sources.wire import key, write_varint

if TYPE_CHECKING:
    from pathlib import Path


def many_nodes(path: Path, blocks: int = 7_400) -> Path:
    """Write a graph of seven nodes a block (51,800 nodes by default) and small weights."""
    nodes: list[onnx.NodeProto] = []
    stored: list[onnx.TensorProto] = []
    value = "tokens"
    for block in range(blocks):
        scope = f"/model/encoder/layers.{block // 12}/attention.{block % 12}"
        stored.append(
            helper.make_tensor(f"{scope}/scale", TensorProto.FLOAT, [64], bytes(256), raw=True)
        )
        previous = value
        for step, operator in enumerate(("Mul", "Relu", "Sigmoid", "Tanh", "Neg", "Abs", "Add")):
            name = f"{scope}/{operator}_{step}"
            inputs = [value]
            if operator in {"Mul", "Add"}:
                inputs.append(stored[-1].name if operator == "Mul" else previous)
            nodes.append(helper.make_node(operator, inputs, [f"{name}_output_0"], name=name))
            value = f"{name}_output_0"
    graph = helper.make_graph(
        nodes,
        "many_nodes",
        [helper.make_tensor_value_info("tokens", TensorProto.FLOAT, ["batch", 64])],
        [helper.make_tensor_value_info(value, TensorProto.FLOAT, ["batch", 64])],
        stored,
    )
    path.write_bytes(helper.make_model(graph).SerializeToString())
    return path


def many_layers(path: Path, pairs: int = 692, width: int = 16) -> Path:
    """Write a network as exporters write them: pairs of blocks with 75 nodes (51,900 by default).

    A pair is a bottleneck of convolutions with batch normalization and a residual sum, and a
    transformer encoder layer with the shape computations of PyTorch's TorchScript exporter.
    """
    network = _Network(width)
    image = "image"
    tokens = "tokens"
    for block in range(pairs):
        image = network.bottleneck(f"/stages.{block // 12}/blocks.{block % 12}", image)
        tokens = network.encoder_layer(f"/layers.{block}", tokens)
    graph = helper.make_graph(
        network.nodes,
        "many_layers",
        [
            helper.make_tensor_value_info("image", TensorProto.FLOAT, ["batch", width, 32, 32]),
            helper.make_tensor_value_info("tokens", TensorProto.FLOAT, ["batch", 24, width]),
        ],
        [
            helper.make_tensor_value_info(image, TensorProto.FLOAT, ["batch", width, 32, 32]),
            helper.make_tensor_value_info(tokens, TensorProto.FLOAT, ["batch", 24, width]),
        ],
        network.stored,
    )
    opset = [helper.make_opsetid("", 17)]
    path.write_bytes(helper.make_model(graph, opset_imports=opset).SerializeToString())
    return path


class _Network:
    """Nodes and weights as they come; every method returns the name of the output it made."""

    def __init__(self, width: int) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.stored: list[onnx.TensorProto] = []
        self._width = width
        self._random = np.random.default_rng(0)

    def add(self, scope: str, operator: str, *inputs: str, **attributes: Any) -> str:
        name = f"{scope}/{operator}_{len(self.nodes)}"
        output = f"{name}_output_0"
        self.nodes.append(helper.make_node(operator, inputs, [output], name=name, **attributes))
        return output

    def weight(self, name: str, *dims: int, fan_in: int) -> str:
        """Store a weight as Kaiming draws it."""
        numbers = self._random.normal(0, (2 / fan_in) ** 0.5, dims).astype("f")
        self.stored.append(numpy_helper.from_array(numbers, name))
        return name

    def filled(self, name: str, number: float, *dims: int) -> str:
        self.stored.append(numpy_helper.from_array(np.full(dims, number, "f"), name))
        return name

    def constant(self, scope: str, *numbers: int, scalar: bool = False) -> str:
        contents = np.array(numbers[0] if scalar else numbers, np.int64)
        return self.add(scope, "Constant", value=numpy_helper.from_array(contents))

    def bottleneck(self, scope: str, value: str) -> str:
        """10 nodes: three convolutions, the middle one of 3 x 3."""
        carried = value
        for place, kernel in enumerate((1, 3, 1)):
            value = self.convolution(f"{scope}/conv{place}", value, kernel)
            if place < 2:
                value = self.add(scope, "Relu", value)
        value = self.add(scope, "Add", value, carried)
        return self.add(scope, "Relu", value)

    def convolution(self, scope: str, value: str, kernel: int) -> str:
        width = self._width
        fan_in = width * kernel * kernel
        weight = self.weight(f"{scope}.weight", width, width, kernel, kernel, fan_in=fan_in)
        value = self.add(
            scope, "Conv", value, weight, kernel_shape=[kernel] * 2, pads=[kernel // 2] * 4
        )
        moments = [
            self.filled(f"{scope}.norm.{name}", number, width)
            for name, number in (("weight", 1), ("bias", 0), ("mean", 0), ("var", 1))
        ]
        return self.add(scope, "BatchNormalization", value, *moments)

    def encoder_layer(self, scope: str, value: str) -> str:
        """65 nodes: four heads of attention, and a perceptron, each behind a normalization."""
        attended = self.attention(f"{scope}/attention", self.normalization(f"{scope}/norm1", value))
        value = self.add(scope, "Add", value, attended)
        hidden = self.linear(f"{scope}/up", self.normalization(f"{scope}/norm2", value), 1, 4)
        hidden = self.linear(f"{scope}/down", self.add(scope, "Relu", hidden), 4, 1)
        return self.add(scope, "Add", value, hidden)

    def normalization(self, scope: str, value: str) -> str:
        gain = self.filled(f"{scope}.weight", 1, self._width)
        shift = self.filled(f"{scope}.bias", 0, self._width)
        return self.add(scope, "LayerNormalization", value, gain, shift, axis=-1)

    def linear(self, scope: str, value: str, before: int = 1, after: int = 1) -> str:
        rows, columns = before * self._width, after * self._width
        weight = self.weight(f"{scope}.weight", rows, columns, fan_in=rows)
        bias = self.filled(f"{scope}.bias", 0, columns)
        return self.add(scope, "Add", bias, self.add(scope, "MatMul", value, weight))

    def attention(self, scope: str, value: str) -> str:
        query, keys, values = (
            self.heads(scope, self.linear(f"{scope}/{name}", value), value, turned)
            for name, turned in (("query", False), ("key", True), ("value", False))
        )
        scores = self.add(scope, "MatMul", query, keys)
        scale = self.add(scope, "Constant", value=numpy_helper.from_array(np.array(2.0, "f")))
        weights = self.add(scope, "Softmax", self.add(scope, "Div", scores, scale), axis=-1)
        merged = self.add(scope, "MatMul", weights, values)
        merged = self.add(scope, "Transpose", merged, perm=[0, 2, 1, 3])
        sizes = (*self.sizes(scope, value), self.constant(scope, self._width))
        shape = self.add(scope, "Concat", *sizes, axis=0)
        return self.linear(f"{scope}/out", self.add(scope, "Reshape", merged, shape))

    def heads(self, scope: str, value: str, like: str, turned: bool) -> str:
        """Cut the features into heads: the batch and the length come from the shape."""
        heads = 4
        split = [self.constant(scope, size) for size in (heads, self._width // heads)]
        shape = self.add(scope, "Concat", *self.sizes(scope, like), *split, axis=0)
        apart = self.add(scope, "Reshape", value, shape)
        return self.add(scope, "Transpose", apart, perm=[0, 2, 3, 1] if turned else [0, 2, 1, 3])

    def sizes(self, scope: str, value: str) -> list[str]:
        """Return the sizes of the first two axes: 6 nodes."""
        found = []
        for axis in (0, 1):
            shape = self.add(scope, "Shape", value)
            place = self.constant(scope, axis)
            found.append(self.add(scope, "Gather", shape, place, axis=0))
        return found


def big_weights(path: Path, layers: int = 64, width: int = 2700) -> Path:
    """Write a chain of matrix products whose square fp32 weights are holes in the file.

    The default has 64 x 2700 x 2700 x 4 bytes, 1.87 GB; width 1 gives the same graph, small.
    """
    nodes = []
    tensors = []
    value = "x"
    size = width * width * 4
    for layer in range(layers):
        weight, result = f"layers.{layer}.weight", f"layers.{layer}.output"
        nodes.append(helper.make_node("MatMul", [value, weight], [result], name=f"matmul_{layer}"))
        tensor = TensorProto(name=weight, data_type=TensorProto.FLOAT, dims=[width, width])
        tensors.append(tensor.SerializeToString() + write_varint(key(9)) + write_varint(size))
        value = result
    graph = helper.make_graph(
        nodes,
        "big_weights",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", width])],
        [helper.make_tensor_value_info(value, TensorProto.FLOAT, ["batch", width])],
    ).SerializeToString()
    heads = [write_varint(key(5)) + write_varint(len(tensor) + size) + tensor for tensor in tensors]
    length = len(graph) + sum(len(head) + size for head in heads)
    model = onnx.ModelProto(ir_version=10, opset_import=[helper.make_opsetid("", 21)])
    with path.open("wb") as file:
        file.write(model.SerializeToString())
        file.write(write_varint(key(7)) + write_varint(length) + graph)
        for head in heads:
            file.write(head)
            file.seek(size, 1)
        file.truncate()
    return path
