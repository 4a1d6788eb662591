"""onnx's own shape inference, of one node at a time.

The inference of a whole model is never called: it is C++ code that cannot be interrupted, and for
files with wrong sizes it aborts the process or never returns.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import onnx
from onnx import AttributeProto, NodeProto, shape_inference

from archlint.graph import tensor
from archlint.graph.inference.arity import Arity, arity
from archlint.graph.inference.hazards import hazard

if TYPE_CHECKING:
    import numpy as np
    from onnx import ModelProto, TypeProto
    from onnx.defs import OpSchema

    from archlint.graph.node import Node

_REFUSALS = (
    shape_inference.InferenceError,
    onnx.checker.ValidationError,
    RuntimeError,
    ValueError,
    KeyError,
)
"""How onnx reports that a node violates its schema."""
_OF_SHAPES, _OF_TYPES = "[ShapeInferenceError]", "[TypeInferenceError]"


class Refusal(str):
    """Why a call cannot run: the sizes or numbers of its inputs contradict its operator."""

    __slots__ = ()


class Objection(Refusal):
    """Why onnx refuses a call for another reason, such as its types: runtimes are often laxer."""

    __slots__ = ()


def _spelled_out(node: NodeProto) -> NodeProto:
    """Return a node with the default that onnx's inference ignores: an STFT is one-sided."""
    if node.op_type != "STFT" or any(each.name == "onesided" for each in node.attribute):
        return node
    explicit = NodeProto()
    explicit.CopyFrom(node)
    explicit.attribute.add(name="onesided", type=AttributeProto.INT, i=1)
    return explicit


class NodeInference:
    """Shape inference of single nodes of one model."""

    def __init__(self, model: ModelProto) -> None:
        self._opsets = list(model.opset_import)
        self._versions: dict[str, int] = {
            "" if opset.domain == "ai.onnx" else opset.domain: opset.version
            for opset in self._opsets
        }
        self._ir_version = model.ir_version
        self.opset: int = self._versions.get("", 0)
        """The version of the standard operators; 0 where the model imports none."""
        self._schemas: dict[tuple[str, str], OpSchema | None] = {}
        self._arities: dict[tuple[str, str], Arity | None] = {}

    def schema(self, op: str, domain: str) -> OpSchema | None:
        """Return the definition of an operator, None where onnx has none."""
        key = (op, domain)
        if key not in self._schemas:
            try:
                version = self._versions.get(domain, 1)
                self._schemas[key] = onnx.defs.get_schema(op, version, domain)
            except onnx.defs.SchemaError:
                self._schemas[key] = None
        return self._schemas[key]

    def check(self, node: Node) -> None:
        """Raise `InvalidGraph` where a call lacks what its operator needs."""
        key = (node.op, node.domain)
        if key not in self._arities:
            schema = self.schema(*key)
            self._arities[key] = None if schema is None else arity(schema)
        known = self._arities[key]
        if known is not None:
            known.check(node)

    def infer(
        self,
        node: NodeProto,
        types: Mapping[str, TypeProto],
        contents: Mapping[str, np.ndarray],
    ) -> dict[str, bytes] | str:
        """Return the serialized types of the outputs, or the reason why there are none."""
        schema = self.schema(node.op_type, "" if node.domain == "ai.onnx" else node.domain)
        if schema is None:
            return f"operator {node.domain + '.' if node.domain else ''}{node.op_type} is not known"
        reason = hazard(node, types, contents)
        if reason is not None:
            return reason
        data = {name: tensor.store(array, name) for name, array in contents.items()}
        try:
            found = shape_inference.infer_node_outputs(
                schema,
                _spelled_out(node),
                dict(types),
                data,
                opset_imports=self._opsets,
                ir_version=self._ir_version,
            )
        except _REFUSALS as error:
            return _refusal(str(error).strip())
        return {name: proto.SerializeToString() for name, proto in found.items()}


def _refusal(text: str) -> Refusal:
    """Return onnx's reason, without its name for the kind of error."""
    reason = text.splitlines()[0] if text else "shape inference failed"
    if reason.startswith(_OF_SHAPES):
        return Refusal(reason.removeprefix(_OF_SHAPES).strip())
    return Objection(reason.removeprefix(_OF_TYPES).strip())
