"""Activations that may be computed in place: what they keep differs, and few files say it."""

from __future__ import annotations

from archlint.frontends.properties import IN_PLACE
from archlint.ops.call import Call, nbytes
from archlint.ops.kept import NOTHING, Gradients, Kept
from archlint.ops.operator import KeptFacet

_DEPENDS_ON = "whether it is computed in place, which training.in-place says"


def keeps_input_or_output(*, often_in_place: bool = False) -> KeptFacet:
    """Keep the input, or the output alone where the activation is computed in place.

    The derivative is a function of either. Of one that is `often_in_place` both are told where
    nobody says which; others make a new tensor then. Where nobody else keeps the output, they cost
    the same.
    """

    def kept(call: Call, gradients: Gradients) -> Kept:
        if not gradients[0]:
            return NOTHING
        in_place = _is_in_place(call, gradients) if gradients.is_spare else False
        if in_place is None and often_in_place:
            more = nbytes(call.input(0))
            return Kept(outputs=(0,), own_high=more, depends_on=_DEPENDS_ON, beside_others=True)
        return Kept(outputs=(0,)) if in_place else Kept(inputs=(0,))

    return kept


def _is_in_place(call: Call, gradients: Gradients) -> bool | None:
    """Whether the file, its record of the program, or else the target says that it is in place."""
    from archlint.ops.in_place import called_in_place

    stated = call.node.metadata.get(IN_PLACE)
    if stated is not None:
        return stated == "true"
    told = called_in_place(call.node)
    return gradients.in_place if told is None else told
