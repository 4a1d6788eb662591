"""The answers that many operators share."""

from __future__ import annotations

from math import prod

from archlint.ops.call import Call
from archlint.ops.cost import FREE, Cost
from archlint.ops.cost import elementwise as _elementwise
from archlint.ops.kept import NOTHING, Gradients, Kept
from archlint.ops.links import Fixed, Link, Sight, Through, same_axes
from archlint.ops.operator import CostFacet
from archlint.ops.undetermined import Undetermined


def no_cost(_: Call) -> Cost:
    """Moves or names elements without computing."""
    return FREE


def per_output(flops: int) -> CostFacet:
    """Return a cost of `flops` for each output element."""

    def cost(call: Call) -> Cost:
        return _elementwise(flops * call.output_elements())

    return cost


def per_input(flops: int) -> CostFacet:
    """Return a cost of `flops` for each element of the first input."""

    def cost(call: Call) -> Cost:
        return _elementwise(flops * call.elements(0))

    return cost


def keeps_nothing(_: Call, __: Gradients) -> Kept:
    """Needs nothing for the backward pass."""
    return NOTHING


def keeps_input(_: Call, gradients: Gradients) -> Kept:
    """Keeps the first input: the derivative is a function of it."""
    return Kept(inputs=(0,)) if gradients[0] else NOTHING


def keeps_output(_: Call, gradients: Gradients) -> Kept:
    """Keeps the output: the derivative is a function of it (ReLU, sigmoid, softmax)."""
    return Kept(outputs=(0,)) if gradients[0] else NOTHING


def keeps_input_and_weights(call: Call, gradients: Gradients) -> Kept:
    """Keeps the data input while anything needs a gradient, as convolutions and norms do."""
    return Kept(inputs=tuple(range(len(call.node.inputs)))) if gradients.needed else NOTHING


def sees_elementwise(call: Call, output: int) -> Sight:
    """Every output element reads the input elements that broadcasting gives it."""
    rank, values, after = call.output_rank(output), call.graph.values, call.output().shape
    links = {}
    for slot, name in enumerate(call.node.inputs):
        if name:
            alike = after is not None and values[name].shape == after
            links[slot] = same_axes(rank) if alike else sees_broadcast(call, slot, rank)
    return links


def sees_first_input(call: Call, _: int) -> Sight:
    """Every output element reads the same element of the first input."""
    return {0: same_axes(call.rank(0))}


def sees_broadcast(call: Call, slot: int, rank: int) -> tuple[Link, ...]:
    """Return the links of an input that is broadcast to `rank` axes, aligned at the last."""
    shape = call.input(slot).shape
    lead = rank - call.rank(slot)
    out = call.output().shape
    if shape is not None and shape == out:
        return same_axes(rank)
    links: list[Link] = []
    for axis, dim in enumerate(shape or ()):
        stretched = dim == 1 and (out is None or out[lead + axis] != 1)
        links.append(Fixed(axis) if stretched else Through(axis, lead + axis))
    return tuple(links)


def extent(shape: tuple[int, ...], axes: tuple[int, ...]) -> int:
    """Return the number of positions along `axes`."""
    return prod(shape[axis] for axis in axes)


def sees_any_position(call: Call, _: int) -> Sight:
    """Where elements are read or written is data."""
    raise Undetermined(f"where {call.node.op} reads depends on the data")
