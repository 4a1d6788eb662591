"""Pooling layers: maximum and average; windowed, adaptive and global."""

# Annotations here are the kinds of arguments, read at run time: they are not postponed.

from archlint.frontends.architecture.argument import Padding, Size
from archlint.frontends.architecture.layers.convolution import fits
from archlint.frontends.architecture.layers.shapes import (
    LAYOUTS,
    per_axis,
    require_rank,
    sides,
    size,
)
from archlint.frontends.architecture.site import Rejected, Site
from archlint.frontends.architecture.tensor import Tensor


def max_pool(
    axes: int,
    site: Site,
    x: Tensor,
    *,
    kernel_size: Size,
    stride: Size | None = None,
    padding: Padding = 0,
    dilation: Size = 1,
    ceil_mode: bool = False,
) -> Tensor:
    """Take the largest value of each window; the stride is by default the kernel size."""
    require_rank(x, axes + 2, LAYOUTS[axes])
    kernel = per_axis(kernel_size, axes, "kernel_size")
    dilations = per_axis(dilation, axes, "dilation")
    pads = _pads(padding, kernel)
    fits(x, kernel, dilations, pads)
    return site.node(
        "MaxPool",
        x,
        kernel_shape=kernel,
        strides=kernel if stride is None else per_axis(stride, axes, "stride"),
        pads=pads,
        dilations=dilations,
        ceil_mode=int(ceil_mode),
    )


def average_pool(
    axes: int,
    site: Site,
    x: Tensor,
    *,
    kernel_size: Size,
    stride: Size | None = None,
    padding: Padding = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
) -> Tensor:
    """Take the mean of each window; the stride is by default the kernel size."""
    require_rank(x, axes + 2, LAYOUTS[axes])
    kernel = per_axis(kernel_size, axes, "kernel_size")
    pads = _pads(padding, kernel)
    fits(x, kernel, [1] * axes, pads)
    return site.node(
        "AveragePool",
        x,
        kernel_shape=kernel,
        strides=kernel if stride is None else per_axis(stride, axes, "stride"),
        pads=pads,
        ceil_mode=int(ceil_mode),
        count_include_pad=int(count_include_pad),
    )


def adaptive_average_pool(axes: int, site: Site, x: Tensor, *, output_size: Size) -> Tensor:
    """Average to a given size."""
    return _adaptive("AveragePool", axes, site, x, output_size)


def adaptive_max_pool(axes: int, site: Site, x: Tensor, *, output_size: Size) -> Tensor:
    """Take maxima to a given size."""
    return _adaptive("MaxPool", axes, site, x, output_size)


def global_average_pool(site: Site, x: Tensor) -> Tensor:
    """Average each channel over all positions; the axes stay, with size 1."""
    return site.node("GlobalAveragePool", x)


def global_max_pool(site: Site, x: Tensor) -> Tensor:
    """Take the largest value of each channel; the axes stay, with size 1."""
    return site.node("GlobalMaxPool", x)


def _adaptive(
    op: str, axes: int, site: Site, x: Tensor, output_size: int | tuple[int, ...]
) -> Tensor:
    """Pool to a given size: globally, or with windows of equal width.

    PyTorch's windows differ in width where the input is no multiple of the output; ONNX has no
    operator for that.
    """
    require_rank(x, axes + 2, LAYOUTS[axes])
    wanted = per_axis(output_size, axes, "output_size")
    if all(number == 1 for number in wanted):
        return site.node(f"Global{op}", x)
    kernel = []
    for axis, number in enumerate(wanted):
        found = size(x, axis + 2, "the size of the map")
        if found % number:
            raise Rejected(
                f"cannot pool {found} to {number} with windows of one width", "output_size",
                "choose an output size that divides the map",
            )  # fmt: skip
        kernel.append(found // number)
    return site.node(op, x, kernel_shape=kernel, strides=kernel)


def _pads(padding: int | tuple[int, ...], kernel: list[int]) -> list[int]:
    pads = sides(padding, len(kernel))
    for pad, width in zip(pads, kernel * 2, strict=True):
        if 2 * pad > width:
            raise Rejected(f"padding {pad} is more than half of the kernel size {width}", "padding")
    return pads
