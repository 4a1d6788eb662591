"""Facets that many operators share."""

from __future__ import annotations

from collections.abc import Callable

from archlint.ops.call import Call
from archlint.ops.cost import FREE, Cost, elementwise
from archlint.ops.links import Fixed, InputLinks, Link, Through, same_axes, same_axes_but
from archlint.ops.operator import CostFacet
from archlint.ops.saved import NOTHING, Gradients, SavedTensors
from archlint.ops.undetermined import Undetermined, UndeterminedElements

OF_QUOTIENT = 3
"""The tensors that dx / f - dy x / f^2 takes in the backward pass of a composed x / f(x)."""


def no_cost(_: Call) -> Cost:
    """Moves or renames elements without computing."""
    return FREE


def per_output(flops: int) -> CostFacet:
    """Return a cost of `flops` for each output element."""

    def cost(call: Call) -> Cost:
        return _elementwise(flops, call.output_elements)

    return cost


def per_input(flops: int) -> CostFacet:
    """Return a cost of `flops` for each element of the first input."""

    def cost(call: Call) -> Cost:
        return _elementwise(flops, lambda: call.elements(0))

    return cost


def _elementwise(flops: int, elements: Callable[[], int]) -> Cost:
    try:
        return elementwise(flops * elements())
    except Undetermined as reason:
        raise UndeterminedElements(str(reason)) from None


def depends_on_data(reason: str) -> CostFacet:
    """Return the cost of an operator whose work does not follow from the graph, with a reason."""

    def cost(_: Call) -> Cost:
        raise Undetermined(reason)

    return cost


def saves_nothing(_: Call, __: Gradients) -> SavedTensors:
    """Saves nothing for the backward pass."""
    return NOTHING


def saves_input(_: Call, gradients: Gradients) -> SavedTensors:
    """Saves the first input: the derivative is a function of it."""
    return SavedTensors(inputs=(0,)) if gradients[0] else NOTHING


def saves_output(_: Call, gradients: Gradients) -> SavedTensors:
    """Saves the output: the derivative is a function of it (ReLU, sigmoid, softmax)."""
    return SavedTensors(outputs=(0,)) if gradients[0] else NOTHING


def saves_inputs(call: Call, gradients: Gradients) -> SavedTensors:
    """Saves all inputs if any needs a gradient: each derivative depends on the others."""
    return SavedTensors(inputs=call.present()) if gradients.needed else NOTHING


def sees_nothing(_: Call, __: int) -> InputLinks:
    """Reads no elements of any input: only shapes, or inputs that are not data."""
    return {}


def sees_elementwise(call: Call, output: int) -> InputLinks:
    """Each output element reads the input elements that broadcasting pairs with it."""
    rank, values, after = call.output_rank(output), call.graph.values, call.output().shape
    links = {}
    for slot, name in enumerate(call.node.inputs):
        if name:
            alike = after is not None and values[name].shape == after
            links[slot] = same_axes(rank) if alike else sees_broadcast(call, slot, rank)
    return links


def sees_first_input(call: Call, _: int) -> InputLinks:
    """Each output element reads the same element of the first input."""
    return {0: same_axes(call.rank(0))}


def sees_row(call: Call, _: int) -> InputLinks:
    """Each output reads all features, on the last axis, of its own row of the first input."""
    rank = call.rank(0)
    return {0: same_axes_but(rank, {rank - 1}, features=True)}


def sees_broadcast(call: Call, slot: int, rank: int) -> tuple[Link, ...]:
    """Return the links of an input that is broadcast to `rank` axes, aligned at the last axis."""
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


def sees_any_position(call: Call, _: int) -> InputLinks:
    """The position of the elements that are read or written depends on the data."""
    raise Undetermined(f"where {call.node.op} reads depends on the data")
