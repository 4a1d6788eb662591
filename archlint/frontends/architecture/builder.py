"""Builds an ONNX graph node by node, and tracks the shape of every tensor."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import onnx
from onnx import TensorProto, helper

from archlint.frontends.architecture.tensor import Dim, Tensor
from archlint.frontends.properties import INITIALIZER
from archlint.sources.payload import ELIDED

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping, Sequence

    from archlint.frontends.architecture.initializer import Initializer

LOWEST_OPSET = 21
_IR_VERSIONS = {21: 10, 22: 10, 23: 11, 24: 12, 25: 13}


class BuildError(Exception):
    """Raised where ONNX does not take a node; the text is for the user."""


class Builder:
    """The nodes and stored tensors made so far."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.weights: dict[str, TensorProto] = {}
        self._constants: dict[str, TensorProto] = {}
        self._declared: dict[str, Tensor] = {}
        self._names: set[str] = set()
        self._schemas: dict[tuple[str, int], onnx.defs.OpSchema] = {}
        self._inferred: dict[Hashable, tuple[Tensor, ...]] = {}
        self._opset = LOWEST_OPSET

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
        schema = self._schema(op)
        name = self.reserve(name)
        names = [name, *(self.reserve(f"{name}.{index}") for index in range(1, outputs))]
        node = helper.make_node(
            op, _input_names(inputs), names, name=name,
            **{key: value for key, value in attributes.items() if value is not None},
        )  # fmt: skip
        helper.set_metadata_props(node, dict(metadata))
        made = self._outputs(schema, node, inputs)
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
        version = _IR_VERSIONS.get(self._opset, onnx.IR_VERSION)
        opset = helper.make_opsetid("", self._opset)
        return helper.make_model(
            graph, opset_imports=[opset], ir_version=version, producer_name="archlint"
        )

    def is_free(self, name: str) -> bool:
        """Whether no tensor has the name."""
        return name not in self._names

    def _schema(self, op: str) -> onnx.defs.OpSchema:
        found = self._schemas.get((op, self._opset))
        if found is None:
            found = self._newest(op)
            self._schemas[op, self._opset] = found
        return found

    def _newest(self, op: str) -> onnx.defs.OpSchema:
        """Return the schema of an operator, from the lowest opset that has it."""
        for opset in range(self._opset, onnx.defs.onnx_opset_version() + 1):
            if onnx.defs.has(op, opset, ""):
                self._opset = opset
                return onnx.defs.get_schema(op, opset, "")
        raise BuildError(f"ONNX has no operator {op}")

    def _outputs(
        self, schema: onnx.defs.OpSchema, node: onnx.NodeProto, inputs: Sequence[Tensor | None]
    ) -> tuple[Tensor, ...]:
        """Return the output types of a node, cached by operator, attributes and input types."""
        key = (
            self._opset,
            node.op_type,
            len(node.output),
            *(attribute.SerializeToString() for attribute in node.attribute),
            *(tensor and (tensor.dtype, tensor.shape) for tensor in inputs),
        )
        given = [tensor for tensor in inputs if tensor]
        if any(tensor.name in self._constants for tensor in given):  # it may be a shape
            return self._infer(schema, node, given)
        if key not in self._inferred:
            self._inferred[key] = self._infer(schema, node, given)
        return self._inferred[key]

    def _infer(
        self, schema: onnx.defs.OpSchema, node: onnx.NodeProto, inputs: Sequence[Tensor]
    ) -> tuple[Tensor, ...]:
        types = {tensor.name: _type(tensor) for tensor in inputs}
        data = {
            tensor.name: self._constants[tensor.name]
            for tensor in inputs
            if tensor.name in self._constants
        }
        try:
            inferred = onnx.shape_inference.infer_node_outputs(
                schema,
                node,
                types,
                data,
                opset_imports=[helper.make_opsetid("", self._opset)],
                ir_version=onnx.IR_VERSION,
            )
        except (
            onnx.shape_inference.InferenceError,
            onnx.checker.ValidationError,
            ValueError,
        ) as error:
            raise BuildError(_first_line(error)) from error
        return tuple(_tensor(name, inferred.get(name), inputs) for name in node.output)


def _input_names(inputs: Sequence[Tensor | None]) -> list[str]:
    """Return the names of the inputs; absent ones at the end are left out.

    ONNX allows an empty name there, but it makes onnxruntime 1.32 crash (segmentation fault).
    """
    names = [tensor.name if tensor else "" for tensor in inputs]
    while names and not names[-1]:
        names.pop()
    return names


def _first_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    text = lines[0] if lines else type(error).__name__
    return text.removeprefix("[ShapeInferenceError]").removeprefix("[TypeInferenceError]").strip()


def _type(tensor: Tensor) -> onnx.TypeProto:
    shape = None if tensor.shape is None else list(tensor.shape)
    return helper.make_tensor_type_proto(tensor.dtype, shape)


def _value_info(name: str, tensor: Tensor) -> onnx.ValueInfoProto:
    return helper.make_value_info(name, _type(tensor))


def _tensor(name: str, inferred: onnx.TypeProto | None, inputs: Sequence[Tensor]) -> Tensor:
    if inferred is None or not inferred.HasField("tensor_type"):
        return Tensor(name, inputs[0].dtype if inputs else TensorProto.FLOAT, None)
    tensor = inferred.tensor_type
    if not tensor.HasField("shape"):
        return Tensor(name, tensor.elem_type, None)
    return Tensor(name, tensor.elem_type, tuple(_dim(dim) for dim in tensor.shape.dim))


def _dim(dim: onnx.TensorShapeProto.Dimension) -> Dim:
    return dim.dim_value if dim.HasField("dim_value") else dim.dim_param or None


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
