"""Normalizations: batch, layer, group, instance, root mean square, local response."""

# Annotations here are the kinds of arguments, read at run time: they are not postponed.

from math import prod

from archlint.frontends.architecture import default
from archlint.frontends.architecture.argument import Count, Integers
from archlint.frontends.architecture.initializer import initializer
from archlint.frontends.architecture.layers.shapes import (
    LAYOUTS,
    dims,
    expect,
    rank,
    require_rank,
    size,
)
from archlint.frontends.architecture.site import Rejected, Site
from archlint.frontends.architecture.tensor import Tensor

_FLOAT32_EPSILON = 1.1920929e-07


def batch_norm(
    axes: int,
    site: Site,
    x: Tensor,
    *,
    eps: float = 1e-5,
    momentum: float = 0.1,
    affine: bool = True,
    num_features: Count | None = None,
) -> Tensor:
    """Normalize each channel over the batch, then scale and shift it."""
    channels = _channels(axes, x, num_features)
    return site.node(
        "BatchNormalization",
        x,
        *_scale_and_shift(site, (channels,), affine),
        site.buffer("running_mean", (channels,), initializer("zeros")),
        site.buffer("running_var", (channels,), initializer("ones")),
        epsilon=eps,
        # ONNX weighs the old value, PyTorch the new one.
        momentum=1 - momentum,
    )


def instance_norm(
    axes: int,
    site: Site,
    x: Tensor,
    *,
    eps: float = 1e-5,
    affine: bool = False,
    num_features: Count | None = None,
) -> Tensor:
    """Normalize each channel of each sample; scale and shift it where affine is true."""
    require_rank(x, axes + 2, LAYOUTS[axes])
    channels = _channels(axes, x, num_features)
    scale, shift = _scale_and_shift(site, (channels,), affine)
    return site.node("InstanceNormalization", x, scale, shift, epsilon=eps)


def group_norm(
    site: Site,
    x: Tensor,
    *,
    num_groups: Count,
    num_channels: Count | None = None,
    eps: float = 1e-5,
    affine: bool = True,
) -> Tensor:
    """Normalize groups of channels of each sample, then scale and shift each channel."""
    channels = size(x, 1, "the number of channels")
    expect(channels, num_channels, "num_channels", "channels")
    if channels % num_groups:
        raise Rejected(
            f"{channels} channels cannot be split into {num_groups} groups", "num_groups"
        )
    scale, shift = _scale_and_shift(site, (channels,), affine)
    return site.node(
        "GroupNormalization", x, scale, shift, num_groups=num_groups, epsilon=eps, shape=x.shape
    )


def layer_norm(
    site: Site,
    x: Tensor,
    *,
    normalized_shape: Count | Integers | None = None,
    eps: float = 1e-5,
    elementwise_affine: bool = True,
    bias: bool = True,
) -> Tensor:
    """Normalize the last axes of each sample (by default the last one)."""
    shape = _normalized(x, normalized_shape)
    if not elementwise_affine:
        ones = site.floats([1.0] * prod(shape), shape, "ones")
        return site.node("LayerNormalization", x, ones, axis=-len(shape), epsilon=eps)
    scale = site.weight("weight", shape, default.both("ones"))
    shift = site.bias(shape, default.both("zeros")) if bias else None
    return site.node("LayerNormalization", x, scale, shift, axis=-len(shape), epsilon=eps)


def rms_norm(
    site: Site,
    x: Tensor,
    *,
    normalized_shape: Count | Integers | None = None,
    eps: float = _FLOAT32_EPSILON,
    elementwise_affine: bool = True,
) -> Tensor:
    """Divide the last axes by their root mean square, then scale them."""
    shape = _normalized(x, normalized_shape)
    if elementwise_affine:
        scale = site.weight("weight", shape, default.both("ones"))
    else:
        scale = site.floats([1.0] * prod(shape), shape, "ones")
    return site.node("RMSNormalization", x, scale, axis=-len(shape), epsilon=eps, shape=x.shape)


def local_response_norm(
    site: Site,
    x: Tensor,
    *,
    size: Count,
    alpha: float = 1e-4,
    beta: float = 0.75,
    k: float = 1.0,
) -> Tensor:
    """Divide each channel by the energy of its neighbours (AlexNet)."""
    return site.node("LRN", x, size=size, alpha=alpha, beta=beta, bias=k)


def _channels(axes: int, x: Tensor, declared: int | None) -> int:
    if not (axes == 1 and rank(x) == 2):
        require_rank(x, axes + 2, LAYOUTS[axes])
    channels = size(x, 1, "the number of channels")
    expect(channels, declared, "num_features", "channels")
    return channels


def _scale_and_shift(site: Site, shape: tuple[int, ...], affine: bool) -> tuple[Tensor, Tensor]:
    """Return the learned scale and shift, or ones and zeros, which ONNX wants in any case."""
    if affine:
        return (
            site.weight("weight", shape, default.both("ones")),
            site.bias(shape, default.both("zeros")),
        )
    count = prod(shape)
    return site.floats([1.0] * count, shape, "ones"), site.floats([0.0] * count, shape, "zeros")


def _normalized(x: Tensor, declared: int | tuple[int, ...] | None) -> tuple[int, ...]:
    if declared is None:
        return (size(x, -1, "the number of features"),)
    shape = (declared,) if isinstance(declared, int) else declared
    found = dims(x)[-len(shape) :] if shape else ()
    if not shape or found != shape:
        raise Rejected(
            f"normalized_shape is {list(shape)}, but its input ends in {list(found)}",
            "normalized_shape",
        )
    return shape
