"""Loop and Scan nodes: their trip count, and the output shapes that follow from it."""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING

from archlint.graph.control_flow.branches import common
from archlint.graph.control_flow.carried import carried
from archlint.graph.control_flow.trips import condition_of, follow
from archlint.graph.control_flow.unrolling import body_of
from archlint.graph.graph import Graph
from archlint.graph.value import Provenance, Role, Shape, Value

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from onnx import NodeProto

    from archlint.graph.control_flow.trips import Run
    from archlint.graph.node import Node
    from archlint.graph.reading.scope import Scope


def count(node: Node, proto: NodeProto, scope: Scope, run: Run) -> int | None:
    """Return the trip count of a Loop or a Scan, None where it is not statically known.

    `run` infers a nested graph for given contents of its inputs.
    """
    if node.op == "Loop":
        return _loop_count(node, proto, scope, run)
    return _scan_length(node, scope)


def _loop_count(node: Node, proto: NodeProto, scope: Scope, run: Run) -> int | None:
    """The trip count of a Loop: by its count input, or until its condition is false."""
    body, limit, starts = (
        node.attributes.get("body"),
        _most_iterations(node, scope),
        _starts(node, scope),
    )
    if not isinstance(body, Graph) or not body.outputs or starts is None:
        return None
    if limit is None or not starts:
        return None if starts else 0
    if _stays_true(body):
        return int(limit) if limit < inf else None
    raw = body_of(proto)
    condition = None if raw is None else condition_of(raw)
    if condition is None or any(2 + place >= len(node.inputs) for place in condition.states):
        return None
    states = [scope.constants.get(node.inputs[2 + place]) for place in condition.states]
    known = [each for each in states if each is not None]
    return follow(condition, known, limit, run) if len(known) == len(states) else None


def _starts(node: Node, scope: Scope) -> bool | None:
    """Whether a loop runs at all, by its initial condition, if it has one."""
    if len(node.inputs) < 2 or not node.inputs[1]:
        return True
    start = scope.constants.get(node.inputs[1])
    return None if start is None or start.size != 1 else bool(start.reshape(-1)[0])


def _most_iterations(node: Node, scope: Scope) -> float | None:
    """Return the maximum trip count of a Loop: infinity without a limit, None if unknown."""
    if not node.inputs or not node.inputs[0]:
        return inf
    limit = scope.constants.get(node.inputs[0])
    if limit is None or limit.size != 1 or limit.dtype.kind not in "iu":
        return None
    return max(int(limit.reshape(-1)[0]), 0)


def _stays_true(body: Graph) -> bool:
    """Whether the body of a loop returns a constant true condition, or its condition input."""
    name = body.outputs[0]
    while name in body.producers and body.producers[name].op in {"Identity", "Cast"}:
        name = body.producers[name].inputs[0]
    constant = body.constants.get(name)
    if constant is not None:
        return constant.size == 1 and bool(constant.reshape(-1)[0])
    return len(body.inputs) > 1 and name == body.inputs[1]


def _scan_length(node: Node, scope: Scope) -> int | None:
    """The length of the axis that a Scan walks along."""
    scanned = node.attributes.get("num_scan_inputs")
    if not isinstance(scanned, int) or not 0 < scanned <= len(node.inputs):
        return None
    axes = node.attributes.get("scan_input_axes")
    axis = int(axes[0]) if isinstance(axes, tuple) and axes else 0
    shape = scope.values[node.inputs[-scanned]].shape
    length = shape[axis] if shape and -len(shape) <= axis < len(shape) else None
    return length if isinstance(length, int) else None


def states(proto: NodeProto, body_inputs: Sequence[str], scope: Scope) -> dict[str, Value]:
    """Return the values of the body's inputs in the first iteration, by name."""
    if proto.op_type == "Loop":
        pairs = zip(body_inputs[2:], proto.input[2:], strict=False)
        return {inner: _inside(inner, scope, outer) for inner, outer in pairs if outer}
    scanned, axes = _integers(proto, "num_scan_inputs"), _integers(proto, "scan_input_axes")
    if not scanned:
        return {}
    kept = len(proto.input) - scanned[0]
    found = {}
    for place, (inner, outer) in enumerate(zip(body_inputs, proto.input, strict=False)):
        value = _inside(inner, scope, outer)
        if place >= kept and value.shape:
            axis = (axes[place - kept] if place - kept < len(axes) else 0) % len(value.shape)
            shape = (*value.shape[:axis], *value.shape[axis + 1 :])
            value = Value(inner, value.dtype, shape, Role.INPUT, Provenance.INFERRED)
        found[inner] = value
    return found


def _inside(inner: str, scope: Scope, outer: str) -> Value:
    value = scope.values[outer] if scope.find(outer) else Value(outer, None, None, Role.INPUT)
    return Value(inner, value.dtype, value.shape, Role.INPUT, value.provenance)


def _integers(proto: NodeProto, name: str) -> tuple[int, ...]:
    """Return the integers of an attribute, none where it is missing."""
    for attribute in proto.attribute:
        if attribute.name == name:
            return tuple(attribute.ints) or (attribute.i,)
    return ()


def settle(proto: NodeProto, body: Graph, first: Mapping[str, Value]) -> dict[str, Value]:
    """Return the states of a loop, without the dimensions that change between iterations."""
    skipped = 2 if proto.op_type == "Loop" else 0
    made = body.outputs[1:] if proto.op_type == "Loop" else body.outputs
    steady = dict(first)
    scanned = _integers(proto, "num_scan_inputs")
    count = len(proto.input) - (scanned[0] if scanned else skipped)
    for inner, outer in list(zip(body.inputs[skipped:], made, strict=False))[:count]:
        if inner in steady:
            value, after = steady[inner], body.values[outer].shape
            steady[inner] = Value(
                inner, value.dtype, common(value.shape, after), value.role, value.provenance
            )
    return steady


def collect(node: Node, trips: int | None, scope: Scope) -> None:
    """Set the output shapes of a loop from those that its body computes in every iteration."""
    body = node.attributes.get("body")
    if not isinstance(body, Graph):
        return
    made = body.outputs[1:] if node.op == "Loop" else body.outputs
    kept = carried(node)
    for place, (outer, inner) in enumerate(zip(node.outputs, made, strict=False)):
        value = body.values[inner]
        if outer not in scope.open or value.shape is None:
            continue
        shape: Shape = value.shape
        if place >= kept:
            shape = _stacked(node, place - kept, shape, trips)
        scope.learn(outer, value.dtype, shape, Provenance.INFERRED)


def _stacked(node: Node, place: int, shape: Shape, trips: int | None) -> Shape:
    """Return the shape of a collected output: a new first axis of one element per iteration."""
    axes = node.attributes.get("scan_output_axes")
    axis = int(axes[place]) if isinstance(axes, tuple) and place < len(axes) else 0
    axis %= len(shape) + 1
    return (*shape[:axis], trips, *shape[axis:])
