"""Layers that join several tensors element by element."""

# Annotations here are the kinds of arguments, read at run time: they are not postponed.

from archlint.frontends.architecture.layers.shapes import broadcast
from archlint.frontends.architecture.site import Rejected, Site
from archlint.frontends.architecture.tensor import Tensor


def add(site: Site, *inputs: Tensor) -> Tensor:
    """Add tensors, as in a residual connection."""
    return _chain("Add", site, inputs)


def multiply(site: Site, *inputs: Tensor) -> Tensor:
    """Multiply tensors, as in a gate."""
    return _chain("Mul", site, inputs)


def _chain(op: str, site: Site, inputs: tuple[Tensor, ...]) -> Tensor:
    if len(inputs) < 2:
        raise Rejected("takes two inputs or more", "from", "name them, as from: [previous, skip]")
    result = inputs[0]
    for number, other in enumerate(inputs[1:], start=2):
        broadcast(result, other)
        part = "" if number == len(inputs) else f"sum{number}"
        result = site.node(op, result, other, part=part)
    return result
