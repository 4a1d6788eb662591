"""Contributed operators that move, slice, gather or reduce elements, or change layout."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from msgspec.structs import replace

from archlint.graph.inference.contributed.stand_in import BLOCKED
from archlint.ops.call import Call
from archlint.ops.contributed.entry import inference_only
from archlint.ops.facets import depends_on_data, no_cost, per_input, per_output, sees_first_input
from archlint.ops.links import InputLinks, Link, Opaque, Through, Whole, same_axes, same_axes_but
from archlint.ops.operator import Operator
from archlint.ops.reach import Reach, reach, window
from archlint.ops.signals import passes
from archlint.ops.standard.region import sees_region
from archlint.ops.standard.resampling import sees_resized
from archlint.ops.taps import Taps
from archlint.ops.undetermined import Undetermined


def sees_reduced(call: Call, _: int) -> InputLinks:
    """Read all of the axes in the attribute."""
    rank = call.rank(0)
    axes = {axis % rank for axis in call.integers("axes") or range(rank)}
    kept = bool(call.integer("keepdims", 1))
    links: list[Link] = []
    target = 0
    for axis in range(rank):
        links.append(Whole(axis) if axis in axes else Through(axis, target))
        target += kept or axis not in axes
    return {0: tuple(links)}


def sees_expanded(call: Call, _: int) -> InputLinks:
    """An axis of one element is inserted."""
    rank = call.rank(0)
    place = int(call.known(1).reshape(-1)[0]) % (rank + 1)
    return {0: tuple(Through(axis, axis + (axis >= place)) for axis in range(rank))}


def sees_unfolded(call: Call, _: int) -> InputLinks:
    """Window j begins at `step` j; the position in the window is the last axis."""
    rank = call.rank(0)
    axis = call.integer("dim", -1) % rank
    links: list[Link] = list(same_axes(rank))
    links[axis] = Through(axis, axis, window(call.integer("size", 1), call.integer("step", 1)))
    return {0: tuple(links)}


def sees_transformed(call: Call, _: int) -> InputLinks:
    """Every frequency reads the whole signal, and every value all frequencies."""
    rank = call.rank(0)
    signal = rank - (1 if call.node.op == "Rfft" else 2)
    return {0: same_axes_but(rank, range(signal, rank))}


def sees_blocked(call: Call, _: int) -> InputLinks:
    """Channels are grouped into blocks, in order."""
    rank = call.rank(0)
    if not call.integer("channels_last", 0):
        return {0: same_axes(rank)}
    middle = tuple(Through(axis, axis + 1) for axis in range(1, rank - 1))
    return {0: (Through(0, 0), *middle, Through(rank - 1, 1))}


def sees_unblocked(call: Call, _: int) -> InputLinks:
    """Blocked channels are unpacked, in order."""
    rank = call.rank(0)
    if not call.integer("channels_last", 0):
        return {0: same_axes(rank)}
    middle = tuple(Through(axis, axis - 1) for axis in range(2, rank))
    return {0: (Through(0, 0), Through(1, rank - 1), *middle)}


def sees_enlarged(call: Call, output: int) -> InputLinks:
    """Each element becomes a block, or neighbours are mixed as a Resize mixes them."""
    scales = call.integers("scales") or (1,) * call.rank(0)
    if any(scale < 1 for scale in scales) or len(scales) != call.rank(0):
        raise Undetermined("scales that are not positive, or not one for each axis")
    if call.text("mode", "nearest") != "nearest":
        resize = replace(call.node, op="Resize", domain="")
        return sees_resized(Call(resize, call.graph), output)
    return {
        0: tuple(
            Through(axis, axis, reach(1, (Taps(0, 1),) * scale))
            for axis, scale in enumerate(scales)
        )
    }


def sees_ngrams(call: Call, output: int) -> InputLinks:
    """Each position reads the words before it that its n-grams span."""
    if output:
        raise Undetermined("it passes on the last words")
    longest = call.integer("max_ngram_size", 2)
    before = Reach(1, (Taps.progression(1 - longest, longest, 1),))
    return {0: (Through(0, 0), Through(1, 1, before))}


def sees_padding(call: Call, _: int) -> InputLinks:
    """The position of padding depends on the data."""
    reason = "where padding lies depends on the data"
    rank = call.rank(0)
    return {0: (*(Opaque(axis, reason) for axis in range(rank - 1)), Through(rank - 1, rank - 1))}


def sees_reread(_: Call, __: int) -> InputLinks:
    """The order of the elements depends on the data."""
    raise Undetermined("the order of the elements depends on the data")


def sees_unknown(call: Call, _: int) -> InputLinks:
    """The operator's body is not in the graph."""
    raise Undetermined(f"what {call.node.op} runs is not in the graph")


_SEARCHED = "how many words a search generates depends on the data"
_COMPILED = "what was compiled for a device is not in the graph"

# Operators whose work depends on data, or stands elsewhere than in the graph.
_UNKNOWN: Mapping[str, str] = MappingProxyType(
    {
        "BeamSearch": _SEARCHED,
        "GreedySearch": _SEARCHED,
        "Sampling": _SEARCHED,
        "WhisperBeamSearch": _SEARCHED,
        "BifurcationDetector": _SEARCHED,
        "EPContext": _COMPILED,
        "Snpe": _COMPILED,
    }
)


def operators() -> tuple[Operator, ...]:
    """Return the entries of this family."""
    return (
        inference_only("QLinearReduceMean", per_input(1), sees_reduced),
        inference_only("ReduceSumInteger", per_input(1), sees_reduced),
        inference_only("ExpandDims", no_cost, sees_expanded, signal=passes),
        inference_only("UnfoldTensor", no_cost, sees_unfolded, signal=passes),
        inference_only("CropAndResize", per_output(8), sees_region),
        inference_only("Rfft", per_input(20), sees_transformed),
        inference_only("Irfft", per_input(20), sees_transformed),
        inference_only("RemovePadding", no_cost, sees_padding),
        inference_only("RestorePadding", no_cost, sees_padding),
        inference_only("Unique", per_input(1), sees_reread),
        inference_only("QuantizeBFP", per_input(2), sees_reread),
        inference_only("DequantizeBFP", per_output(2), sees_reread),
        inference_only("DynamicTimeWarping", per_input(3), sees_reread),
        inference_only("Tokenizer", no_cost, sees_first_input),
        inference_only("NGramHashMapping", per_output(4), sees_ngrams),
        inference_only("ReorderInput", no_cost, sees_blocked, signal=passes, domain=BLOCKED),
        inference_only("ReorderOutput", no_cost, sees_unblocked, signal=passes, domain=BLOCKED),
        inference_only("Upsample", per_output(4), sees_enlarged, signal=passes, domain=BLOCKED),
        *(
            inference_only(name, depends_on_data(why), sees_unknown)
            for name, why in _UNKNOWN.items()
        ),
    )
