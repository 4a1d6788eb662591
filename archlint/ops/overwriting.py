"""Activations that may run in place, which changes what they save; few files record it."""

from __future__ import annotations

from msgspec.structs import replace

from archlint.frontends.properties import IN_PLACE
from archlint.ops.call import Call, nbytes
from archlint.ops.operator import SavedFacet
from archlint.ops.saved import NOTHING, Gradients, SavedTensors

DEPENDS_ON = "whether it is computed in place, which training.in-place states"
# Operators whose output is a view: PyTorch normalizes planes as channels of one sample, and
# reshapes the result.
_MAKE_VIEWS = frozenset({"InstanceNormalization"})


def saves_input_or_output(*, often_in_place: bool = False) -> SavedFacet:
    """Save the input, or only the output where the activation is computed in place.

    The derivative is a function of either. For an activation that is `often_in_place`, both are
    reported where that is not known; others are then taken to make a new tensor. Where nothing else
    saves the output, the two cost the same.
    """

    def saved(call: Call, gradients: Gradients) -> SavedTensors:
        if not gradients[0]:
            return NOTHING
        in_place = is_in_place(call, gradients)
        if in_place is None and often_in_place:
            more = nbytes(call.input(0))
            either = SavedTensors(
                outputs=(0,), own_high=more, depends_on=DEPENDS_ON, beside_others=True
            )
            return rewriting(either, call, in_place)
        return (
            rewriting(SavedTensors(outputs=(0,)), call, in_place)
            if in_place
            else SavedTensors(inputs=(0,))
        )

    return saved


def saves_output_or_rewrites(call: Call, gradients: Gradients) -> SavedTensors:
    """Save the output, whether the activation is computed in place or not (ReLU)."""
    if not gradients[0]:
        return NOTHING
    return rewriting(SavedTensors(outputs=(0,)), call, is_in_place(call, gradients))


def rewriting(saved: SavedTensors, call: Call, in_place: bool | None) -> SavedTensors:
    """Return what an activation saves, including the cost of differentiating through a view.

    The activation modifies the base of the view.
    """
    maker = call.graph.producers.get(call.node.inputs[0])
    if in_place is False or maker is None or maker.op not in _MAKE_VIEWS:
        return saved
    whole = nbytes(call.output())
    return replace(saved, rewritten=whole if in_place else 0, rewritten_high=whole)


def is_in_place(call: Call, gradients: Gradients) -> bool | None:
    """Whether a call is in place, by the file, its recorded source line, or else the target."""
    from archlint.graph.program.in_place import called_in_place

    if not gradients.is_spare:
        return False
    stated = call.node.metadata.get(IN_PLACE)
    if stated is not None:
        return stated == "true"
    told = called_in_place(call.node)
    return gradients.in_place if told is None else told
