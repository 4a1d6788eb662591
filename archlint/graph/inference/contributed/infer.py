"""Shape inference of contributed operators."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from archlint.graph.dtype import DType
from archlint.graph.inference.contributed.given import Given, product
from archlint.graph.inference.contributed.rules import RULES
from archlint.graph.inference.contributed.stand_in import (
    BLOCKED,
    STAND_INS,
    StandIn,
    channels_first,
    channels_last,
)
from archlint.graph.inference.typeproto import write
from archlint.graph.value import Provenance

if TYPE_CHECKING:
    from onnx import NodeProto, TypeProto

    from archlint.graph.node import Node
    from archlint.graph.reading.context import Context
    from archlint.graph.reading.scope import Scope
    from archlint.graph.value import Shape, Value


def infer(node: Node, proto: NodeProto, scope: Scope, context: Context) -> None:
    """Set the output shapes and types of a contributed operator by its definition."""
    stand_in = STAND_INS.get((node.domain, node.op))
    if stand_in is not None:
        _infer_as(stand_in, node, proto, scope, context)
        return
    rule = RULES.get((node.domain, node.op))
    if rule is None:
        return
    made = rule(Given(node, scope.values, scope.constants))
    for name, output in zip(node.outputs, made, strict=False):
        if name:
            scope.learn(name, output.dtype, _possible(output.shape), Provenance.INFERRED)


def _possible(shape: Shape | None) -> Shape | None:
    """Return a shape in which negative sizes, which result from invalid attributes, are unknown."""
    if shape is None:
        return None
    return tuple(None if isinstance(dim, int) and dim < 0 else dim for dim in shape)


def _infer_as(
    stand_in: StandIn, node: Node, proto: NodeProto, scope: Scope, context: Context
) -> None:
    """Infer the outputs as those of the standard operator for the same inputs."""
    last = stand_in.is_channels_last(node.attributes.get("channels_last", 0))
    slots = stand_in.picked(len(node.inputs))
    names = [node.inputs[slot] if slot < len(node.inputs) else "" for slot in slots]
    while names and not names[-1]:
        names.pop()
    if not names or not names[0]:
        return
    if node.domain == BLOCKED and stand_in.op == "Conv":
        _fill_channels(node, names, scope)
    types = {
        name: _type(scope.values[name], stand_in, first=last and name == names[0])
        for name in names
        if name
    }
    contents = {name: scope.constants[name] for name in names if name in scope.constants}
    found = context.inference.infer(_standard(stand_in, proto, names), types, contents)
    if isinstance(found, str):
        return
    given = Given(node, scope.values, scope.constants)
    for name, raw in found.items():
        described = context.types.read(raw)
        shape, dtype = described.shape, described.dtype
        if last and shape is not None:
            shape = channels_last(shape)
        if stand_in.typed_by or scope.values[names[0]].dtype is None:
            dtype = given.dtype(*stand_in.typed_by)
        if name in scope.open:
            scope.learn(name, dtype, shape, Provenance.INFERRED)


def _type(value: Value, stand_in: StandIn, *, first: bool) -> TypeProto:
    """Return the type of a tensor as the standard operator takes it.

    Channels-last data is converted to channels `first`. An unknown element type is replaced, since
    only the shape is inferred.
    """
    dtype, shape = value.dtype, value.shape
    if dtype is None or (stand_in.takes_floats and dtype is not DType.BOOL):
        dtype = DType.FLOAT32
    if first and shape is not None:
        shape = channels_first(shape)
    return write(replace(value, dtype=dtype, shape=shape))


def _standard(stand_in: StandIn, proto: NodeProto, names: list[str]) -> NodeProto:
    """Return the node of the standard operator."""
    standard = type(proto)()
    standard.op_type = stand_in.op
    standard.input.extend(names)
    standard.output.extend(proto.output)
    standard.attribute.extend(
        attribute for attribute in proto.attribute if attribute.name not in stand_in.dropped
    )
    return standard


def _fill_channels(node: Node, names: list[str], scope: Scope) -> None:
    """Set the padded number of channels from a convolution's weight."""
    data, weight = scope.values[names[0]].shape, scope.values[names[1]].shape
    groups = node.attributes.get("group", 1)
    if data is None or weight is None or not isinstance(groups, int):
        return
    channels = product(weight[1], groups)
    if names[0] in scope.open and len(data) > 2 and channels is not None:
        shape = (data[0], channels, *data[2:])
        scope.learn(names[0], None, shape, Provenance.INFERRED)
