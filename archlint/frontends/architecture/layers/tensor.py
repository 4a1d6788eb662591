"""Layers that move values without changing them."""

# Annotations here are the kinds of arguments, read at run time: they are not postponed.

from archlint.frontends.architecture.layers.shapes import dims, rank
from archlint.frontends.architecture.site import Rejected, Site
from archlint.frontends.architecture.tensor import Tensor


def flatten(site: Site, x: Tensor, *, start_dim: int = 1, end_dim: int = -1) -> Tensor:
    """Join the axes from start_dim to end_dim into one."""
    axes = rank(x)
    start, end = start_dim % axes, end_dim % axes
    if start > end:
        raise Rejected(f"start_dim {start_dim} is after end_dim {end_dim}", "start_dim")
    if start == 1 and end == axes - 1:
        return site.node("Flatten", x, axis=1)
    joined = dims(x)[start : end + 1]
    target = (
        [0] * start + [-1] + [dim if isinstance(dim, int) else -1 for dim in dims(x)[end + 1 :]]
    )
    if target.count(-1) > 1:
        raise Rejected(f"cannot join {joined} of {x}: more than one size is not known", "start_dim")
    return site.node("Reshape", x, site.integers(target, "shape"))


def identity(site: Site, x: Tensor) -> Tensor:
    """Pass the input on; good for giving it a name."""
    return site.node("Identity", x)
