"""Activations."""

# Annotations here are the kinds of arguments, read at run time: they are not postponed.

from archlint.frontends.architecture.site import Site
from archlint.frontends.architecture.tensor import Tensor


def relu(site: Site, x: Tensor, *, inplace: bool = False) -> Tensor:  # noqa: ARG001 - changes no fact
    """Compute max(x, 0)."""
    return site.node("Relu", x)
