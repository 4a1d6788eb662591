"""Optimizer steps as operators (ai.onnx.preview.training)."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from archlint.ops.call import Call
from archlint.ops.cost import Cost, elementwise
from archlint.ops.facets import depends_on_data, saves_nothing
from archlint.ops.links import InputLinks, Links, same_axes
from archlint.ops.operator import CostFacet, Operator
from archlint.ops.undetermined import Undetermined

_DOMAIN = "ai.onnx.preview.training"
_OF_OTHERS = "the gradient of other nodes is asked for"
_SETTINGS = 2  # the learning rate and the number of steps so far

# Operations an element of each output, and how many outputs there are for a parameter.
_STEPS: Mapping[str, tuple[int, int]] = MappingProxyType(
    {"Adagrad": (4, 2), "Adam": (5, 3), "Momentum": (3, 2)}
)


def step_cost(flops: int) -> CostFacet:
    """Return the cost of a step: `flops` for each element of every output."""

    def cost(call: Call) -> Cost:
        slots = range(len(call.node.outputs))
        return elementwise(flops * sum(call.output_elements(slot) for slot in slots))

    return cost


def sees_own(call: Call, output: int) -> InputLinks:
    """New parameters and moments read the old ones, and the gradient, of the same tensor."""
    tensors = len(call.node.outputs) // _STEPS[call.node.op][1]
    if not tensors:
        raise Undetermined("a step without tensors")
    slots = range(_SETTINGS + output % tensors, len(call.node.inputs), tensors)
    by_slot: dict[int, Links] = {slot: same_axes(call.rank(slot)) for slot in slots}
    return by_slot


def sees_graph(_: Call, __: int) -> InputLinks:
    """A gradient depends on everything between its ends."""
    raise Undetermined(_OF_OTHERS)


def operators() -> tuple[Operator, ...]:
    """Return the entries of this family."""
    return (
        *(
            Operator(
                name,
                step_cost(flops),
                saves_nothing,
                sees_own,
                differentiable=False,
                domain=_DOMAIN,
            )
            for name, (flops, _) in _STEPS.items()
        ),
        Operator(
            "Gradient",
            depends_on_data(_OF_OTHERS),
            saves_nothing,
            sees_graph,
            differentiable=False,
            domain=_DOMAIN,
        ),
    )
