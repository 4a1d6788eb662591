"""The smallest changes that would widen a receptive field by so many input elements."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archlint.api import Call, Undetermined, record

if TYPE_CHECKING:
    from collections.abc import Iterator

    from archlint.api import Extent, Model, Step


@record
class _Window:
    """A convolution on the path: its kernel and dilation, and the input elements of one step."""

    name: str
    kernel: int
    dilation: int
    jump: int


def widenings(model: Model, tensor: str, extent: Extent, missing: int) -> list[str]:
    """Return what would widen the field of `tensor` by at least `missing` input elements.

    A convolution that reads a map with stride j adds (K - 1) d j to the field (problem set 8,
    equation 17), so raising d by one adds (K - 1) j, and one more layer of kernel 3 adds 2 j.
    """
    path = model.facts.receptive_fields.path(tensor, extent)
    windows = [window for step in path for window in _windows(model, step)]
    changes = []
    if windows:
        widest = max(reversed(windows), key=lambda window: (window.kernel - 1) * window.jump)
        more = -(-missing // ((widest.kernel - 1) * widest.jump))
        changes.append(
            f"raise the dilation of {widest.name} from {widest.dilation} "
            f"to {widest.dilation + more} (and its padding with it)"
        )
    reach = model.facts.receptive_fields.of(tensor, extent).reach
    if reach is not None and reach.stride.denominator == 1 and reach.stride != 0:
        jump = abs(int(reach.stride))
        layers = -(-missing // (2 * jump))
        plural = "layer" if layers == 1 else "layers"
        changes.append(f"add {layers} {plural} of kernel 3 at stride {jump} (+{2 * jump} each)")
    return changes


def _windows(model: Model, step: Step) -> Iterator[_Window]:
    """Yield the window of a convolution along the axis that the field moves along."""
    before = step.before.reach
    axis = step.before.axis
    if step.node.op != "Conv" or before is None or axis is None or axis < 2:
        return
    call = Call(step.node, model.graph)
    try:
        kernel = (call.integers("kernel_shape") or call.shape(1)[2:])[axis - 2]
    except Undetermined:
        return
    dilations = call.integers("dilations")
    jump = abs(before.stride)
    if kernel > 1 and jump.denominator == 1 and jump:
        dilation = dilations[axis - 2] if dilations else 1
        yield _Window(step.node.name, kernel, dilation, int(jump))
