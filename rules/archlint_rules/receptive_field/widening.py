"""The smallest changes that would widen a receptive field by so many input elements."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from archlint.api import Extent, Model


def widenings(model: Model, tensor: str, extent: Extent, missing: int) -> list[str]:
    """Return what would widen the field of `tensor` by at least `missing` input elements.

    A dilation that is greater by one adds the `widening` of its kernel, and one more layer of
    kernel 3 adds 2 j at stride j.
    """
    fields = model.facts.receptive_fields
    kernels = list(fields.kernels(tensor, extent))
    changes = []
    if kernels:
        widest = max(reversed(kernels), key=lambda kernel: kernel.widening)
        node, dilation = widest.window.node, widest.window.sliding.dilation
        more = -(-missing // widest.widening)
        changes.append(
            f"raise the dilation of {node.name} from {dilation} to {dilation + more} (and its "
            "padding with it)"
        )
    reach = fields.of(tensor, extent).reach
    if reach is not None and reach.stride.denominator == 1 and reach.stride != 0:
        jump = abs(int(reach.stride))
        layers = -(-missing // (2 * jump))
        plural = "layer" if layers == 1 else "layers"
        changes.append(f"add {layers} {plural} of kernel 3 at stride {jump} (+{2 * jump} each)")
    return changes
