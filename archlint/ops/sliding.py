"""The geometry of sliding windows: kernel, stride, dilation, padding."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from types import MappingProxyType

from msgspec import Struct

from archlint.graph.node import Node
from archlint.ops.call import Call
from archlint.ops.links import Link, Through
from archlint.ops.reach import window
from archlint.ops.undetermined import Undetermined

# The slot of the weight; 0 for poolings, which have none.
_WEIGHTS: Mapping[str, int] = MappingProxyType(
    {
        "Conv": 1,
        "ConvInteger": 1,
        "QLinearConv": 3,
        "MaxPool": 0,
        "AveragePool": 0,
        "LpPool": 0,
    }
)

_LARGEST = 1 << 20  # of a kernel or a stride: what is worked out goes through taps and phases


class Sliding(Struct, frozen=True):
    """A window that slides along one spatial axis.

    `before` and `after` are the padding at both ends; None where automatic padding depends on an
    input size that is not known.
    """

    kernel: int
    stride: int
    dilation: int
    before: int | None
    after: int | None

    @property
    def extent(self) -> int:
        """The input elements that one window covers, holes included: d (K - 1) + 1."""
        return self.dilation * (self.kernel - 1) + 1

    @property
    def pads(self) -> tuple[int, int] | None:
        """The padding before and after; None where it is not known."""
        if self.before is None or self.after is None:
            return None
        return self.before, self.after

    @property
    def padding(self) -> int | None:
        """The padding of both ends together; None where it is not known."""
        return None if self.pads is None else sum(self.pads)

    @property
    def overlaps(self) -> tuple[int, ...]:
        """The number of overlapping windows of a transposed convolution, for each output phase.

        There, windows are `stride` apart on the output.
        """
        phases = Counter(self.dilation * tap % self.stride for tap in range(self.kernel))
        return tuple(phases[phase] for phase in range(self.stride))


def has_windows(node: Node) -> bool:
    """Whether a node is a convolution or a pooling."""
    return node.op in _WEIGHTS and not node.domain


def has_weighted_windows(node: Node) -> bool:
    """Whether a node is a convolution: what it reads in a window is weighed, not pooled."""
    return has_windows(node) and _WEIGHTS[node.op] > 0


def spreads_windows(node: Node) -> bool:
    """Whether a node is a transposed convolution, whose windows slide over its output."""
    return node.op == "ConvTranspose" and not node.domain


def fits_padding(node: Node) -> bool:
    """Whether the padding is chosen so that the stride leaves no remainder (auto_pad SAME)."""
    return str(node.attributes.get("auto_pad", "")).startswith("SAME")


def rounds_up(node: Node) -> bool:
    """Whether a window that is only partly on the map makes an output, too (ceil_mode)."""
    return bool(node.attributes.get("ceil_mode", 0))


def slidings(call: Call, kernel: tuple[int, ...]) -> tuple[Sliding, ...]:
    """Return the geometry of each spatial axis of a call with the given kernel sizes.

    Raises `Undetermined` where the file gives none.
    """
    axes = len(kernel)
    strides, dilations = steps(call, kernel)
    pads = call.integers("pads") or (0,) * (2 * axes)
    mode = call.text("auto_pad", "NOTSET")
    if len(pads) < 2 * axes:
        raise Undetermined("paddings are not given for every axis")
    shape = call.input(0).shape or ()
    result = []
    for axis in range(axes):
        before: int | None = pads[axis]
        after: int | None = pads[axis + axes]
        if mode == "VALID":
            before = after = 0
        elif mode.startswith("SAME"):
            size = shape[axis + 2] if axis + 2 < len(shape) else None
            extent = dilations[axis] * (kernel[axis] - 1) + 1
            before, after = _same(size, extent, strides[axis], upper=mode.endswith("UPPER"))
        result.append(Sliding(kernel[axis], strides[axis], dilations[axis], before, after))
    return tuple(result)


def kernel_sizes(call: Call, weight: int = 1) -> tuple[int, ...]:
    """Return the kernel size of each spatial axis, from the attribute or the weight in a slot.

    Slot 0 stands for none, as of poolings: there are no sizes without the attribute then.
    """
    declared = call.integers("kernel_shape")
    if declared is None:
        return call.shape(weight)[2:] if weight else ()
    return declared


def steps(call: Call, kernel: tuple[int, ...]) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return strides and dilations of the spatial axes; `Undetermined` where they are no steps."""
    strides = call.integers("strides") or (1,) * len(kernel)
    dilations = call.integers("dilations") or (1,) * len(kernel)
    check_window(kernel, strides, dilations)
    return strides, dilations


def check_window(
    kernel: tuple[int, ...], strides: tuple[int, ...], dilations: tuple[int, ...]
) -> None:
    """Raise `Undetermined` for a window that is impossible or too large."""
    if min(len(strides), len(dilations)) < len(kernel):
        raise Undetermined("strides or dilations are not given for every axis")
    if min((*kernel, *strides, *dilations, 1)) < 1:
        raise Undetermined("a kernel, a stride or a dilation is below 1")
    if max((*kernel, *strides, 1)) > _LARGEST:
        raise Undetermined(f"a kernel or a stride of more than {_LARGEST:,}")


def sliding_windows(call: Call) -> tuple[Sliding, ...]:
    """Return the window of a convolution or pooling along each spatial axis; () of others.

    Raises `Undetermined` where the kernel size is not known, or no window can have it.
    """
    if not has_windows(call.node):
        return ()
    return slidings(call, kernel_sizes(call, _WEIGHTS[call.node.op]))


def spread_windows(call: Call) -> tuple[Sliding, ...]:
    """Return the window of a transposed convolution along each spatial axis of its output.

    The paddings say nothing there, and stay unknown. Raises `Undetermined` as `sliding_windows`.
    """
    kernel = kernel_sizes(call)
    each = zip(kernel, *steps(call, kernel), strict=False)
    return tuple(Sliding(*one, None, None) for one in each)


def slides(windows: tuple[Sliding, ...]) -> tuple[Link, ...]:
    """Return the links of the spatial axes, which follow the batch and the channel axis."""
    return tuple(_slide(axis, one) for axis, one in enumerate(windows, start=2))


def _slide(axis: int, one: Sliding) -> Link:
    """Return the link along one axis.

    Automatic padding of an input of unknown size is taken to be that of a multiple of the stride:
    the size of the field does not depend on it, only where it lies.
    """
    before = one.before
    if before is None:
        before = max(one.extent - one.stride, 0) // 2
    reach = window(one.kernel, one.stride, one.dilation, before)
    return Through(axis, axis, reach, adrift=one.before is None)


def output_size(size: int, sliding: Sliding) -> int | None:
    """Return floor((W + P - K) / S) + 1, where P is the padding of both sides together.

    Dumoulin and Visin 2016, relationship 6, with the kernel's extent after dilation for K.
    """
    if sliding.padding is None:
        return None
    return (size + sliding.padding - sliding.extent) // sliding.stride + 1


def input_size(outputs: int, sliding: Sliding) -> int | None:
    """Return S (W - 1) + K - P, the smallest input that gives `outputs` positions.

    It is the inverse of `output_size` for the input that the stride divides without a remainder.
    """
    if sliding.padding is None:
        return None
    return sliding.stride * (outputs - 1) + sliding.extent - sliding.padding


def _same(size: object, extent: int, stride: int, *, upper: bool) -> tuple[int | None, int | None]:
    """Return the padding that makes the output ceil(size / stride) long."""
    if stride == 1:
        total = extent - 1
    elif isinstance(size, int):
        outputs = -(-size // stride)
        total = max((outputs - 1) * stride + extent - size, 0)
    else:
        return None, None
    less, more = total // 2, total - total // 2
    return (less, more) if upper else (more, less)
