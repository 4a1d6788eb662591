"""Convolutions and transposed convolutions of one to three dimensions."""

# Annotations here are the kinds of arguments, read at run time: they are not postponed.

from math import prod
from operator import ge
from typing import Literal

from archlint.frontends.architecture import default
from archlint.frontends.architecture.argument import Count, Padding, Size
from archlint.frontends.architecture.layers.border import bordered
from archlint.frontends.architecture.layers.shapes import (
    LAYOUTS,
    expect,
    per_axis,
    require_rank,
    sides,
    size,
)
from archlint.frontends.architecture.site import Rejected, Site
from archlint.frontends.architecture.tensor import Tensor


def convolution(
    axes: int,
    site: Site,
    x: Tensor,
    *,
    out_channels: Count,
    kernel_size: Size,
    stride: Size = 1,
    padding: Padding | Literal["same", "valid", "causal"] = 0,
    dilation: Size = 1,
    groups: Count = 1,
    bias: bool = True,
    padding_mode: Literal["zeros", "reflect", "replicate", "circular"] = "zeros",
    in_channels: Count | None = None,
) -> Tensor:
    """Slide a learned kernel over the input; in_channels follow from the input."""
    channels = _channels(axes, x, in_channels, out_channels, groups)
    kernel = per_axis(kernel_size, axes, "kernel_size")
    strides = per_axis(stride, axes, "stride")
    dilations = per_axis(dilation, axes, "dilation")
    pads = _pads(padding, kernel, strides, dilations)
    fits(x, kernel, dilations, pads)
    fan_in = channels // groups * prod(kernel)
    depthwise = groups == channels > 1
    keras_fans = _depthwise_fans(channels, out_channels, prod(kernel)) if depthwise else None
    weight = site.weight(
        "weight", (out_channels, channels // groups, *kernel), default.kernel(keras_fans)
    )
    offset = site.bias((out_channels,), default.bias(fan_in)) if bias else None
    if padding_mode != "zeros" and any(pads):
        x = bordered(site, x, [0, 0, *pads[:axes]], [0, 0, *pads[axes:]], padding_mode, part="pad")
        pads = [0] * (2 * axes)
    return site.node(
        "Conv",
        x,
        weight,
        offset,
        kernel_shape=kernel,
        strides=strides,
        pads=pads,
        dilations=dilations,
        group=groups,
    )


def _channels(axes: int, x: Tensor, declared: int | None, outputs: int, groups: int) -> int:
    """Return the channels of the input, which groups have to divide as they do the outputs."""
    require_rank(x, axes + 2, LAYOUTS[axes])
    channels = size(x, 1, "the number of channels")
    expect(channels, declared, "in_channels", "channels")
    for count, argument in ((channels, "in_channels"), (outputs, "out_channels")):
        if count % groups:
            raise Rejected(f"{argument} {count} is not divisible by groups {groups}", "groups")
    return channels


def _depthwise_fans(channels: int, out_channels: int, taps: int) -> tuple[int, int]:
    """Return Keras' fans of a depthwise kernel, which it stores as (k..., C, multiplier)."""
    return taps * channels, taps * out_channels // channels


def transposed(
    axes: int,
    site: Site,
    x: Tensor,
    *,
    out_channels: Count,
    kernel_size: Size,
    stride: Size = 1,
    padding: Padding = 0,
    output_padding: Padding = 0,
    groups: Count = 1,
    bias: bool = True,
    dilation: Size = 1,
    in_channels: Count | None = None,
) -> Tensor:
    """Apply a transposed convolution, which upsamples by the stride."""
    channels = _channels(axes, x, in_channels, out_channels, groups)
    kernel = per_axis(kernel_size, axes, "kernel_size")
    strides, dilations = per_axis(stride, axes, "stride"), per_axis(dilation, axes, "dilation")
    more = per_axis(output_padding, axes, "output_padding")
    if any(map(ge, more, map(max, strides, dilations))):
        raise Rejected(
            "output_padding is smaller than the stride or the dilation", "output_padding"
        )
    weight = site.weight("weight", (channels, out_channels // groups, *kernel), default.kernel())
    # PyTorch takes axis 1 of the weight for its fan-in also here, where it is the output.
    fan_in = out_channels // groups * prod(kernel)
    offset = site.bias((out_channels,), default.bias(fan_in)) if bias else None
    return site.node(
        "ConvTranspose",
        x,
        weight,
        offset,
        kernel_shape=kernel,
        strides=strides,
        pads=sides(padding, axes),
        output_padding=more,
        dilations=dilations,
        group=groups,
    )


def _pads(
    padding: int | tuple[int, ...] | str,
    kernel: list[int],
    strides: list[int],
    dilations: list[int],
) -> list[int]:
    if not isinstance(padding, str):
        return sides(padding, len(kernel))
    reach = [dilation * (width - 1) for width, dilation in zip(kernel, dilations, strict=True)]
    if padding == "valid":
        return [0] * (2 * len(kernel))
    if padding == "causal":
        return [*reach, *([0] * len(kernel))]
    if any(stride > 1 for stride in strides):
        raise Rejected("padding 'same' takes a stride of 1, as in PyTorch", "padding")
    low = [total // 2 for total in reach]
    return [*low, *(total - half for total, half in zip(reach, low, strict=True))]


def fits(x: Tensor, kernel: list[int], dilations: list[int], pads: list[int]) -> None:
    """Reject a kernel that is larger than the padded input."""
    axes = len(kernel)
    for axis in range(axes):
        found = x.shape[axis + 2] if x.shape else None
        reach = dilations[axis] * (kernel[axis] - 1) + 1
        if isinstance(found, int) and found + pads[axis] + pads[axis + axes] < reach:
            raise Rejected(
                f"the kernel spans {reach}, but the input {x} has only {found} there "
                f"(+ {pads[axis] + pads[axis + axes]} of padding)",
                "kernel_size",
            )
