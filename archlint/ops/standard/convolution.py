"""Convolutions and transposed convolutions of any number of spatial dimensions."""

from __future__ import annotations

from math import prod

from archlint.ops.autocast import IN_HALF, varies
from archlint.ops.call import Call
from archlint.ops.cost import Cost, product
from archlint.ops.effect import Effect, Sums
from archlint.ops.facets import saves_inputs
from archlint.ops.fan import convolution_fan, transposed_fan
from archlint.ops.links import InputLinks, Link, Opaque, Through, Whole
from archlint.ops.operator import Operator, SignalFacet
from archlint.ops.reach import Reach
from archlint.ops.saved import NOTHING, Gradients, SavedTensors
from archlint.ops.signals import fill
from archlint.ops.sliding import Sliding, kernel_sizes, slides, slidings, steps
from archlint.ops.storage import CHANNELS_LAST
from archlint.ops.taps import Taps
from archlint.ops.undetermined import Undetermined


def conv_cost(call: Call) -> Cost:
    """Count output elements times the (I/g) prod(k) products that each sums."""
    return product(call.output_elements() * prod(call.shape(1)[1:]), 0, 1)


def conv_misfit(call: Call) -> str | None:
    """Compare the channels of the input with those that the weight is for."""
    channels, (outputs, inputs) = call.shape(0)[1], call.shape(1)[:2]
    groups = call.integer("group", 1)
    if inputs * groups != channels:
        return f"its weight is for {inputs * groups} channels, its input has {channels}"
    if outputs % groups:
        return f"{outputs} output channels cannot be split into {groups} groups"
    return None


def transposed_misfit(call: Call) -> str | None:
    """Compare the channels of the input with those that the weight is for."""
    channels, weighted = call.shape(0)[1], call.shape(1)[0]
    if weighted != channels:
        return f"its weight is for {weighted} channels, its input has {channels}"
    return None


def quantized_conv_cost(call: Call) -> Cost:
    """Count as a convolution; the weight of QLinearConv sits in slot 3."""
    return product(call.output_elements() * prod(call.shape(3)[1:]), 0, 3)


def transposed_cost(call: Call) -> Cost:
    """Count input elements times the (O/g) prod(k) outputs that each is scattered to."""
    return product(call.elements(0) * prod(call.shape(1)[1:]), 0, 1)


def channels(call: Call, weight: int = 1, *, transposed: bool = False) -> Link:
    """Return the input channels that output channels read: all of them, or those of their group."""
    groups = call.integer("group", 1)
    if groups == 1:
        return Whole(1, features=True)
    # The weight is (O, I / g, ...), of a transposed convolution (I, O / g, ...).
    first, second = call.shape(weight)[:2]
    inputs, outputs = (first // groups, second) if transposed else (second, first // groups)
    one = Taps.progression(0, inputs, 1)
    return Through(1, 1, Reach(inputs, (one,) * outputs))


def _sees_windows(call: Call, weight: int) -> InputLinks:
    windows = slidings(call, kernel_sizes(call, weight))
    return {
        0: (Through(0, 0), channels(call, weight), *slides(windows)),
        weight: _sees_kernel(call, weight, outputs=0),
    }


def _sees_kernel(call: Call, weight: int, outputs: int) -> tuple[Link, ...]:
    """Return the links of a kernel that is itself computed: each output channel has its own."""
    own = call.integer("group", 1) == 1 or outputs == 0
    return tuple(
        Through(axis, 1) if axis == outputs and own else Whole(axis)
        for axis in range(call.rank(weight))
    )


def sees_convolved(call: Call, _: int) -> InputLinks:
    """Read a window along each spatial axis."""
    return _sees_windows(call, 1)


def sees_quantized(call: Call, _: int) -> InputLinks:
    """Read as a convolution does; the weight of QLinearConv sits in slot 3."""
    return _sees_windows(call, 3)


def sees_transposed(call: Call, _: int) -> InputLinks:
    """Output o reads the inputs i with o = S i - P + d t: one set of taps for each of S phases."""
    links: list[Link] = [Through(0, 0), channels(call, transposed=True)]
    for axis, one in enumerate(_transposed_slidings(call), start=2):
        if one.before is None:
            links.append(Opaque(axis, "automatic padding of a transposed convolution"))
            continue
        links.append(_interleaved(axis, one, one.before))
    return {0: tuple(links), 1: _sees_kernel(call, 1, outputs=1)}


def _interleaved(axis: int, one: Sliding, padding: int) -> Link:
    reached: list[list[int]] = [[] for _ in range(one.stride)]
    for tap in range(one.kernel):
        place = one.dilation * tap - padding
        phase = place % one.stride
        reached[phase].append((phase - place) // one.stride)
    # Nothing where the stride outgrows the kernel.
    return Through(axis, axis, Reach(1, tuple(Taps.of(offsets) for offsets in reached)))


def _transposed_slidings(call: Call) -> tuple[Sliding, ...]:
    kernel = kernel_sizes(call)
    if call.text("auto_pad", "NOTSET") == "NOTSET" and call.integers("output_shape") is None:
        return slidings(call, kernel)
    strides, dilations = steps(call, kernel)
    extra = call.integers("output_padding") or (0,) * len(kernel)
    sizes, outputs = call.shape(0)[2:], call.output_shape()[2:]
    result = []
    for axis, size in enumerate(kernel):
        extent = dilations[axis] * (size - 1) + 1
        total = strides[axis] * (sizes[axis] - 1) + extra[axis] + extent - outputs[axis]
        less, more = total // 2, total - total // 2
        before = less if call.text("auto_pad", "NOTSET") == "SAME_UPPER" else more
        result.append(Sliding(size, strides[axis], dilations[axis], before, total - before))
    return tuple(result)


def sums_convolved(weight: int, bias: int | None = None) -> SignalFacet:
    """Return the effect of a convolution whose weight and bias are in the given slots."""

    def effect(call: Call) -> Effect:
        inside = fill(call, slidings(call, kernel_sizes(call, weight)))
        offset = bias if bias is not None and call.has_input(bias) else None
        return Sums(convolution_fan(call, weight), (0, weight), offset, inside, axes=(None, 0))

    return effect


def sums_transposed(call: Call) -> Effect:
    """Sum the taps that reach an output, which differ in number from phase to phase."""
    share = 1.0
    sizes = zip((call.input(0).shape or ())[2:], (call.output().shape or ())[2:], strict=False)
    for (inputs, outputs), one in zip(sizes, _transposed_slidings(call), strict=False):
        if isinstance(inputs, int) and isinstance(outputs, int) and one.before is not None:
            share *= _reached(inputs, outputs, one, one.before)
    bias = 2 if call.has_input(2) else None
    return Sums(transposed_fan(call), bias=bias, fill=share, axes=(None, _made_along(call)))


def _made_along(call: Call) -> int | None:
    """Return the axis of a transposed weight with the output channels; None where two have them."""
    groups = call.integer("group", 1)
    if groups == 1:
        return 1
    return 0 if call.shape(1)[:2] == (groups, 1) else None


def _reached(inputs: int, outputs: int, one: Sliding, padding: int) -> float:
    """Return the taps of one axis that fall on an output, over the K / S that each output gets.

    At the ends there are fewer inputs around an output: a kernel of 4 makes 4 outputs of one input,
    each from a single tap.
    """
    count = 0
    for tap in range(one.kernel):
        offset = padding - one.dilation * tap  # output o = S i - offset
        first = max(0, -(-offset // one.stride))
        last = min(inputs - 1, (outputs - 1 + offset) // one.stride)
        count += max(0, last - first + 1)
    return count * one.stride / (outputs * one.kernel) if outputs else 1.0


def saves_operands(_: Call, gradients: Gradients) -> SavedTensors:
    """Save input and kernel if anything needs a gradient; of the bias, only the size is needed."""
    return SavedTensors(inputs=(0, 1)) if gradients.needed else NOTHING


def sees_deformed(_: Call, __: int) -> InputLinks:
    """Offsets are data, so that any position may be read."""
    raise Undetermined("where a deformable convolution reads depends on the data")


def operators() -> tuple[Operator, ...]:
    """Return the entries of this family."""
    return (
        Operator(
            "Conv",
            conv_cost,
            saves_operands,
            sees_convolved,
            sums_convolved(1, 2),
            weights=(1, 2),
            storage=CHANNELS_LAST,
            misfit=conv_misfit,
            casting=IN_HALF,
        ),
        Operator(
            "ConvTranspose",
            transposed_cost,
            saves_operands,
            sees_transposed,
            sums_transposed,
            weights=(1, 2),
            storage=CHANNELS_LAST,
            misfit=transposed_misfit,
            casting=IN_HALF,
        ),
        Operator(
            "ConvInteger",
            conv_cost,
            saves_inputs,
            sees_convolved,
            sums_convolved(1),
            weights=(1,),
            misfit=conv_misfit,
            differentiable=False,
        ),
        Operator(
            "QLinearConv",
            quantized_conv_cost,
            saves_inputs,
            sees_quantized,
            None,
            weights=(3, 8),
            differentiable=False,
        ),
        Operator(
            "DeformConv",
            conv_cost,
            saves_inputs,
            sees_deformed,
            sums_convolved(1, 3),
            weights=(1, 3),
            casting=varies("a deformable convolution is an operator of torchvision"),
        ),
    )
