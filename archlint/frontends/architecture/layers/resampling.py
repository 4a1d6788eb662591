"""Layers that resize maps without weights: upsampling, pixel shuffle."""

# Annotations here are the kinds of arguments, read at run time: they are not postponed.

from math import floor
from typing import Any, Literal

from archlint.frontends.architecture.argument import Count, Size
from archlint.frontends.architecture.layers.shapes import (
    LAYOUTS,
    dims,
    per_axis,
    rank,
    require_rank,
    size,
)
from archlint.frontends.architecture.site import Rejected, Site
from archlint.frontends.architecture.tensor import Tensor


def upsample(
    site: Site,
    x: Tensor,
    *,
    scale_factor: float | tuple[float, ...] | None = None,
    size: Size | None = None,
    mode: Literal["nearest", "linear", "bilinear", "trilinear", "bicubic"] = "nearest",
    align_corners: bool = False,
) -> Tensor:
    """Make a map larger (or smaller) by a factor, or to a size."""
    axes = rank(x) - 2
    if (scale_factor is None) == (size is None):
        raise Rejected("takes one of scale_factor and size", "scale_factor")
    attributes: dict[str, Any] = {
        "mode": {"nearest": "nearest", "bicubic": "cubic"}.get(mode, "linear"),
        "coordinate_transformation_mode": _coordinates(mode, align_corners),
        "nearest_mode": "floor" if mode == "nearest" else None,
        "cubic_coeff_a": -0.75 if mode == "bicubic" else None,
    }
    if scale_factor is not None:
        factors = scale_factor if isinstance(scale_factor, tuple) else (scale_factor,) * axes
        if len(factors) != axes or any(factor <= 0 for factor in factors):
            raise Rejected(f"scale_factor takes one positive number or {axes}", "scale_factor")
        scales = site.floats([1.0, 1.0, *factors], (axes + 2,), "scales")
        maps = [
            floor(found * factor) if isinstance(found, int) else None
            for found, factor in zip(dims(x)[2:], factors, strict=True)
        ]
        shape = (*dims(x)[:2], *maps)
        return site.node("Resize", x, None, scales, shape=shape, **attributes)
    assert size is not None, "checked above"  # noqa: S101 - for the type checker
    wanted = per_axis(size, axes, "size")
    sizes = site.integers(wanted, "sizes")
    attributes["axes"] = list(range(2, axes + 2))
    shape = (*dims(x)[:2], *wanted)
    return site.node("Resize", x, None, None, sizes, shape=shape, **attributes)


def pixel_shuffle(site: Site, x: Tensor, *, upscale_factor: Count) -> Tensor:
    """Rearrange groups of channels into larger maps (Shi et al. 2016)."""
    require_rank(x, 4, LAYOUTS[2])
    channels = size(x, 1, "the number of channels")
    if channels % upscale_factor**2:
        raise Rejected(
            f"{channels} channels are not divisible by {upscale_factor}**2", "upscale_factor"
        )
    return site.node("DepthToSpace", x, blocksize=upscale_factor, mode="CRD")


def pixel_unshuffle(site: Site, x: Tensor, *, downscale_factor: Count) -> Tensor:
    """Rearrange a map into groups of channels: the inverse of PixelShuffle."""
    require_rank(x, 4, LAYOUTS[2])
    factor = downscale_factor
    channels = size(x, 1, "the number of channels")
    height, width = size(x, 2, "the height"), size(x, 3, "the width")
    if height % factor or width % factor:
        raise Rejected(f"a map {height} x {width} is not divisible by {factor}", "downscale_factor")
    shape = [0, channels, height // factor, factor, width // factor, factor]
    split = site.node("Reshape", x, site.integers(shape, "split_shape"), part="split")
    moved = site.node("Transpose", split, part="moved", perm=[0, 1, 3, 5, 2, 4])
    target = [0, channels * factor**2, height // factor, width // factor]
    return site.node("Reshape", moved, site.integers(target, "shape"))


def channel_shuffle(site: Site, x: Tensor, *, groups: Count) -> Tensor:
    """Interleave groups of channels (Zhang et al. 2017)."""
    require_rank(x, 4, LAYOUTS[2])
    channels = size(x, 1, "the number of channels")
    height, width = size(x, 2, "the height"), size(x, 3, "the width")
    if channels % groups:
        raise Rejected(f"{channels} channels cannot be split into {groups} groups", "groups")
    shape = [0, groups, channels // groups, height, width]
    split = site.node("Reshape", x, site.integers(shape, "split_shape"), part="split")
    moved = site.node("Transpose", split, part="moved", perm=[0, 2, 1, 3, 4])
    return site.node("Reshape", moved, site.integers([0, channels, height, width], "shape"))


def _coordinates(mode: str, align_corners: bool) -> str:
    if mode == "nearest":
        return "asymmetric"
    return "align_corners" if align_corners else "pytorch_half_pixel"
