"""Builds an ONNX graph node by node, and tracks the shape of every tensor."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import onnx
from onnx import TensorProto, helper

from archlint.frontends.architecture.node_inference import NodeInference, type_proto
from archlint.frontends.architecture.tensor import Dim, Tensor
from archlint.frontends.properties import INITIALIZER
from archlint.sources.payload import ELIDED

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from archlint.frontends.architecture.initializer import Initializer

_IR_VERSIONS = {21: 10, 22: 10, 23: 11, 24: 12, 25: 13}


class Builder:
    """The nodes and stored tensors made so far."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.weights: dict[str, TensorProto] = {}
        self._constants: dict[str, TensorProto] = {}
        self._declared: dict[str, Tensor] = {}
        self._names: set[str] = set()
        self._inference = NodeInference(self._constants)

    def reserve(self, name: str) -> str:
        """Return `name`, with a number appended where another tensor has it already."""
        free, number = name, 2
        while free in self._names:
            free, number = f"{name}_{number}", number + 1
        self._names.add(free)
        return free

    def node(
        self,
        op: str,
        inputs: Sequence[Tensor | None],
        name: str,
        metadata: Mapping[str, str],
        outputs: int = 1,
        **attributes: Any,  # noqa: ANN401 - attributes are of many types
    ) -> tuple[Tensor, ...]:
        """Add a node and return its outputs, whose shapes ONNX infers; raises BuildError."""
        schema = self._inference.schema(op)
        name = self.reserve(name)
        names = [name, *(self.reserve(f"{name}.{index}") for index in range(1, outputs))]
        node = helper.make_node(
            op, _input_names(inputs), names, name=name,
            **{key: value for key, value in attributes.items() if value is not None},
        )  # fmt: skip
        helper.set_metadata_props(node, dict(metadata))
        made = self._inference.outputs(schema, node, inputs)
        self.nodes.append(node)
        return tuple(
            Tensor(name, like.dtype, like.shape) for name, like in zip(names, made, strict=True)
        )

    def weight(
        self, name: str, dims: Sequence[int], initializer: Initializer, facts: Mapping[str, str]
    ) -> Tensor:
        """Declare a weight by its dims and its initializer, without data."""
        name = self.reserve(name)
        tensor = TensorProto(name=name, dims=dims, data_type=TensorProto.FLOAT)
        tensor.data_location = TensorProto.EXTERNAL
        tensor.external_data.add(key="location", value=ELIDED)
        metadata = {INITIALIZER: str(initializer), **facts}
        helper.set_metadata_props(tensor, metadata)
        self.weights[name] = tensor
        return Tensor(name, TensorProto.FLOAT, tuple(dims))

    def declare(self, tensor: Tensor, shape: tuple[Dim, ...]) -> Tensor:
        """Give a tensor the shape that ONNX cannot infer; it is written to value_info."""
        declared = Tensor(tensor.name, tensor.dtype, shape)
        self._declared[tensor.name] = declared
        return declared

    def constant(
        self,
        name: str,
        values: Sequence[float],
        dims: Sequence[int] | None,
        dtype: int,
        facts: Mapping[str, str] | None = None,
    ) -> Tensor:
        """Store a small tensor with its data, such as the target of a Reshape."""
        shape = (len(values),) if dims is None else tuple(dims)
        name = self.reserve(name)
        tensor = helper.make_tensor(name, dtype, shape, list(values))
        helper.set_metadata_props(tensor, dict(facts or {}))
        self._constants[name] = tensor
        return Tensor(name, dtype, shape)

    def model(
        self, name: str, inputs: Sequence[Tensor], outputs: Sequence[tuple[str, Tensor]]
    ) -> onnx.ModelProto:
        """Return the finished model; each output gets its own name."""
        graph = helper.make_graph(
            self.nodes,
            name,
            [_value_info(tensor.name, tensor) for tensor in inputs],
            [_value_info(tensor.name, tensor) for _, tensor in outputs],
            [*self.weights.values(), *self._constants.values()],
            value_info=[
                _value_info(tensor.name, tensor)
                for tensor in self._declared.values()
                if all(tensor.name != output.name for _, output in outputs)
            ],
        )
        _rename(graph, {tensor.name: name for name, tensor in outputs if tensor.name != name})
        opset = self._inference.opset
        version = _IR_VERSIONS.get(opset, onnx.IR_VERSION)
        return helper.make_model(
            graph,
            opset_imports=[helper.make_opsetid("", opset)],
            ir_version=version,
            producer_name="archlint",
        )

    def is_free(self, name: str) -> bool:
        """Whether no tensor has the name."""
        return name not in self._names


def _input_names(inputs: Sequence[Tensor | None]) -> list[str]:
    """Return the names of the inputs; absent ones at the end are left out.

    ONNX allows an empty name there, but it makes onnxruntime 1.32 crash (segmentation fault).
    """
    names = [tensor.name if tensor else "" for tensor in inputs]
    while names and not names[-1]:
        names.pop()
    return names


def _value_info(name: str, tensor: Tensor) -> onnx.ValueInfoProto:
    return helper.make_value_info(name, type_proto(tensor))


def _rename(graph: onnx.GraphProto, names: Mapping[str, str]) -> None:
    if not names:
        return
    for node in graph.node:
        for field in (node.input, node.output):
            for index, name in enumerate(field):
                if name in names:
                    field[index] = names[name]
    for output in graph.output:
        output.name = names.get(output.name, output.name)
