"""Models made for measuring: graphs like real ones, weights that do not exist.

Big weights are holes in sparse files, so a model of many GB takes no room on the disk.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import onnx
from onnx import TensorProto, helper

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
