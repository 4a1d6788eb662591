"""The shapes and types of what a node makes, as ONNX infers them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import onnx
from onnx import TensorProto, helper

from archlint.frontends.architecture.tensor import Dim, Tensor

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping, Sequence

_LOWEST_OPSET = 21


class BuildError(Exception):
    """Raised where ONNX does not take a node; the text is for the user."""


class NodeInference:
    """Infers the outputs of nodes, and finds the lowest opset that has all of their operators.

    `constants` are the tensors whose contents are known, which may be shapes.
    """

    def __init__(self, constants: Mapping[str, TensorProto]) -> None:
        self.opset = _LOWEST_OPSET
        self._constants = constants
        self._schemas: dict[tuple[str, int], onnx.defs.OpSchema] = {}
        self._inferred: dict[Hashable, tuple[Tensor, ...]] = {}

    def schema(self, op: str) -> onnx.defs.OpSchema:
        """Return the schema of an operator; one of a later opset raises that of the model."""
        found = self._schemas.get((op, self.opset))
        if found is None:
            found = self._newest(op)
            self._schemas[op, self.opset] = found
        return found

    def _newest(self, op: str) -> onnx.defs.OpSchema:
        """Return the schema of an operator, from the lowest opset that has it."""
        for opset in range(self.opset, onnx.defs.onnx_opset_version() + 1):
            if onnx.defs.has(op, opset, ""):
                self.opset = opset
                return onnx.defs.get_schema(op, opset, "")
        raise BuildError(f"ONNX has no operator {op}")

    def outputs(
        self, schema: onnx.defs.OpSchema, node: onnx.NodeProto, inputs: Sequence[Tensor | None]
    ) -> tuple[Tensor, ...]:
        """Return the output types of a node, cached by operator, attributes and input types."""
        key = (
            self.opset,
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
        types = {tensor.name: type_proto(tensor) for tensor in inputs}
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
                opset_imports=[helper.make_opsetid("", self.opset)],
                ir_version=onnx.IR_VERSION,
            )
        except (
            onnx.shape_inference.InferenceError,
            onnx.checker.ValidationError,
            ValueError,
        ) as error:
            raise BuildError(_first_line(error)) from error
        return tuple(_tensor(name, inferred.get(name), inputs) for name in node.output)


def _first_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    text = lines[0] if lines else type(error).__name__
    return text.removeprefix("[ShapeInferenceError]").removeprefix("[TypeInferenceError]").strip()


def type_proto(tensor: Tensor) -> onnx.TypeProto:
    """Return the type of a tensor as ONNX has it."""
    shape = None if tensor.shape is None else list(tensor.shape)
    return helper.make_tensor_type_proto(tensor.dtype, shape)


def _tensor(name: str, inferred: onnx.TypeProto | None, inputs: Sequence[Tensor]) -> Tensor:
    if inferred is None or not inferred.HasField("tensor_type"):
        return Tensor(name, inputs[0].dtype if inputs else TensorProto.FLOAT, None)
    tensor = inferred.tensor_type
    if not tensor.HasField("shape"):
        return Tensor(name, tensor.elem_type, None)
    return Tensor(name, tensor.elem_type, tuple(_dim(dim) for dim in tensor.shape.dim))


def _dim(dim: onnx.TensorShapeProto.Dimension) -> Dim:
    return dim.dim_value if dim.HasField("dim_value") else dim.dim_param or None
