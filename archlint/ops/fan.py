"""Fan-in: the number of products that are summed for one output element."""

from __future__ import annotations

from math import prod

from msgspec import Struct

from archlint.ops.call import Call
from archlint.ops.undetermined import Undetermined


class Fan(Struct, frozen=True):
    """The sizes that determine the fan-in of a weighted sum.

    `channels` are the input channels or features that one output reads (those of its group),
    `outputs` all output channels, `kernel` the number of taps of a kernel, `stride` the upsampling
    of a transposed convolution, each of whose outputs gets one in `stride` of the taps. Raises
    ValueError for sizes that no layer has.
    """

    channels: int
    outputs: int
    kernel: int = 1
    groups: int = 1
    stride: int = 1
    transposed: bool = False

    def __post_init__(self) -> None:
        """Reject invalid sizes of malformed files, such as a negative number of groups."""
        if min(self.channels, self.outputs, self.kernel) < 0 or min(self.groups, self.stride) < 1:
            raise ValueError("a fan has no negative sizes, and at least one group")

    @property
    def fan_in(self) -> float:
        """Products summed for one output element: n_l in He et al. 2015, d in sigma = sqrt(2/d)."""
        return self.channels * self.kernel / self.stride

    @property
    def framework_fans(self) -> tuple[int, int]:
        """Fan-in and fan-out as PyTorch counts them, from the shape of the weight alone.

        Groups are not in its fan-out, and a transposed weight (I, O / g, k...) is read as (O, I).
        """
        if self.transposed:
            inputs = self.channels * self.groups
            return self.outputs // self.groups * self.kernel, inputs * self.kernel
        return self.channels * self.kernel, self.outputs * self.kernel

    @property
    def keras_fans(self) -> tuple[int, int]:
        """Fan-in and fan-out as Keras counts them: its depthwise kernel lies as (k..., C, m)."""
        if self.groups > 1 and self.channels == 1 and not self.transposed:
            return self.groups * self.kernel, self.outputs // self.groups * self.kernel
        return self.framework_fans


def convolution_fan(call: Call, weight: int = 1) -> Fan:
    """Return the fan of a convolution, whose weight is (O, I / g, k...)."""
    shape = call.shape(weight)
    return Fan(shape[1], shape[0], prod(shape[2:]), call.integer("group", 1))


def transposed_fan(call: Call) -> Fan:
    """Return the fan of a transposed convolution, whose weight is (I, O / g, k...).

    Each input is scattered to prod(k) outputs, so that an output gets prod(k) / prod(S) taps of
    each of the I / g channels.
    """
    shape, groups = call.shape(1), call.integer("group", 1)
    strides = prod(call.integers("strides") or (1,))
    return Fan(
        shape[0] // groups, shape[1] * groups, prod(shape[2:]), groups, strides, transposed=True
    )


def gemm_fan(call: Call) -> Fan:
    """Return the fan of a general matrix product, whose second factor is (I, O), or (O, I)."""
    rows, columns = call.shape(1)
    return Fan(columns, rows) if call.integer("transB", 0) else Fan(rows, columns)


def matmul_fan(call: Call, left: int, right: int) -> Fan:
    """Return the fan of a product of two slots; either may be the weight, which is a matrix."""
    ranks = (call.rank(left), call.rank(right))
    if min(ranks) < 1:
        raise Undetermined("a factor of a product has no axis")
    inner = _dim(call, ((left, -1), (right, max(-2, -ranks[1]))))
    if ranks[1] <= 2 or ranks[0] > 2:
        outputs = _dim(call, ((right, -1),)) if ranks[1] > 1 else 1
    else:
        outputs = _dim(call, ((left, -2),)) if ranks[0] > 1 else 1
    return Fan(inner, outputs)


def _dim(call: Call, places: tuple[tuple[int, int], ...]) -> int:
    """Return a dimension that may be read at any of several places (slot, axis)."""
    for slot, axis in places:
        dim = (call.input(slot).shape or ())[axis]
        if isinstance(dim, int):
            return dim
    raise Undetermined(f"a dimension of {call.input(places[0][0]).name!r} is not bound")
