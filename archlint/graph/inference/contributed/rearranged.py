"""Output shapes of operators that move, slice, gather or transform elements."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from archlint.graph.dtype import DType
from archlint.graph.inference.contributed.given import Given, Made, Outputs, Rule, product, quotient
from archlint.graph.inference.contributed.stand_in import channels_first, channels_last
from archlint.graph.value import Dim, Shape

_LARGEST_BLOCK = 16


def reduced(given: Given) -> Outputs:
    """The axes in the attribute are reduced to one element, or removed."""
    shape, axes = given.shape(0), given.integers("axes")
    if shape is None:
        return ()
    gone = {axis % len(shape) for axis in axes} if axes and shape else set(range(len(shape)))
    if given.integer("keepdims", 1):
        kept: Shape = tuple(1 if axis in gone else dim for axis, dim in enumerate(shape))
    else:
        kept = tuple(dim for axis, dim in enumerate(shape) if axis not in gone)
    return (Made(kept, DType.INT32 if given.node.op == "ReduceSumInteger" else given.dtype(0)),)


def multiplied_integers(given: Given) -> Outputs:
    """Elementwise products of two tensors that broadcast."""
    first, second = given.shape(0), given.shape(2)
    if first is None or second is None:
        return (Made(None, DType.INT32),)
    rank = max(len(first), len(second))
    pairs = zip(_padded(first, rank), _padded(second, rank), strict=True)
    return (Made(tuple(b if a == 1 else a for a, b in pairs), DType.INT32),)


def _padded(shape: Shape, rank: int) -> Shape:
    return (1,) * (rank - len(shape)) + shape


def expanded(given: Given) -> Outputs:
    """An axis of one element is inserted at the given position."""
    shape, place = given.shape(0), given.numbers(1)
    if shape is None or not place:
        return ()
    axis = place[0] % (len(shape) + 1)
    return (Made((*shape[:axis], 1, *shape[axis:]), given.dtype(0)),)


def unfolded(given: Given) -> Outputs:
    """Windows along an axis; the position in the window is the last axis."""
    shape, size = given.shape(0), given.integer("size")
    if not shape or not size:
        return ()
    axis, step = (given.integer("dim", -1) or 0) % len(shape), given.integer("step", 1) or 1
    length = shape[axis]
    count = (length - size) // step + 1 if isinstance(length, int) else None
    return (Made((*shape[:axis], count, *shape[axis + 1 :], size), given.dtype(0)),)


def cropped(given: Given) -> Outputs:
    """A crop of one size for each region: (R, C, height, width)."""
    sizes = given.numbers(3)
    spatial = tuple(sizes) if sizes is not None and len(sizes) == 2 else (None, None)
    return (Made((given.dim(1, 0), given.dim(0, 1), *spatial), given.dtype(0)),)


def to_frequencies(given: Given) -> Outputs:
    """Half of the frequencies of a real signal, as pairs of numbers."""
    shape = given.shape(0)
    if not shape:
        return ()
    half = quotient(shape[-1], 2)
    frequencies = None if half is None else half + 1
    return (Made((*shape[:-1], frequencies, 2), given.dtype(0)),)


def from_frequencies(given: Given) -> Outputs:
    """A real signal of an even number of values."""
    shape = given.shape(0)
    if shape is None or len(shape) < 2:
        return ()
    count = shape[-2]
    length = 2 * (count - 1) if isinstance(count, int) else None
    return (Made((*shape[:-2], length), given.dtype(0)),)


def hashed(given: Given) -> Outputs:
    """A number for each element."""
    dtype = DType.UINT32 if given.integer("positive", 1) else DType.INT32
    return (Made(given.shape(0), dtype),)


def is_finite(_: Given) -> Outputs:
    """One truth value."""
    return (Made((), DType.BOOL),)


def grams_hashed(given: Given) -> Outputs:
    """Ids of n-grams: (B, T, orders x heads), and the last ids."""
    batch, length = given.of_rank(0, 2) or (None, None)
    longest, heads = given.integer("max_ngram_size"), given.integer("n_head_per_ngram")
    before = None if longest is None else longest - 1
    return (
        Made((batch, length, product(before, heads)), given.dtype(0)),
        Made((batch, before), given.dtype(0)),
    )


def blocked(given: Given) -> Outputs:
    """Channels are grouped in blocks of 8 or 16, depending on the CPU, with padding."""
    shape = given.shape(0)
    if shape is None or len(shape) < 3:
        return ()
    first = channels_first(shape) if given.integer("channels_last", 0) else shape
    channels = first[1]
    whole = isinstance(channels, int) and channels % _LARGEST_BLOCK == 0
    return (Made((first[0], channels if whole else None, *first[2:]), given.dtype(0)),)


def unblocked(given: Given) -> Outputs:
    """Blocked channels are unpacked; the attribute is their number without padding."""
    shape = given.shape(0)
    if shape is None or len(shape) < 3:
        return ()
    ordered = (shape[0], given.integer("channels", 0) or shape[1], *shape[2:])
    last = given.integer("channels_last", 0)
    return (Made(channels_last(ordered) if last else ordered, given.dtype(0)),)


def enlarged(given: Given) -> Outputs:
    """Every axis is repeated by an integer factor."""
    shape, scales = given.shape(0), given.integers("scales")
    if shape is None or scales is None or len(scales) != len(shape):
        return ()
    sizes: list[Dim] = [product(dim, scale) for dim, scale in zip(shape, scales, strict=True)]
    return (Made(tuple(sizes), given.dtype(0)),)


REARRANGED: Mapping[str, Rule] = MappingProxyType(
    {
        "CropAndResize": cropped,
        "ExpandDims": expanded,
        "Irfft": from_frequencies,
        "IsAllFinite": is_finite,
        "MulInteger": multiplied_integers,
        "MurmurHash3": hashed,
        "NGramHashMapping": grams_hashed,
        "QLinearReduceMean": reduced,
        "ReduceSumInteger": reduced,
        "Rfft": to_frequencies,
        "UnfoldTensor": unfolded,
    }
)
"""The rules of com.microsoft operators by name."""

BLOCKS: Mapping[str, Rule] = MappingProxyType(
    {"ReorderInput": blocked, "ReorderOutput": unblocked, "Upsample": enlarged}
)
"""The rules of com.microsoft.nchwc operators by name."""
