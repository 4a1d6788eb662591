"""Normalizations: batch, layer, group, instance and root mean square."""

# Annotations here are the kinds of arguments, read at run time: they are not postponed.

from archlint.frontends.architecture.argument import Count
from archlint.frontends.architecture.initializer import initializer
from archlint.frontends.architecture.layers.convolution import LAYOUTS
from archlint.frontends.architecture.layers.shapes import expect, rank, require_rank, size
from archlint.frontends.architecture.site import Site
from archlint.frontends.architecture.tensor import Tensor


def batch_norm(
    axes: int,
    site: Site,
    x: Tensor,
    *,
    eps: float = 1e-5,
    momentum: float = 0.1,
    num_features: Count | None = None,
) -> Tensor:
    """Normalize each channel over the batch, then scale and shift it."""
    if not (axes == 1 and rank(x) == 2):
        require_rank(x, axes + 2, LAYOUTS[axes])
    channels = size(x, 1, "the number of channels")
    expect(channels, num_features, "num_features", "channels")
    return site.node(
        "BatchNormalization",
        x,
        site.weight("weight", (channels,), initializer("ones")),
        site.bias((channels,), initializer("zeros")),
        site.buffer("running_mean", (channels,), initializer("zeros")),
        site.buffer("running_var", (channels,), initializer("ones")),
        epsilon=eps,
        momentum=1 - momentum,  # ONNX weighs the old value, PyTorch the new one
    )
