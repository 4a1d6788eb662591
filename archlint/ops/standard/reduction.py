"""Reductions over axes, top-k, argmax and cumulative operators."""

from __future__ import annotations

from msgspec.structs import replace

from archlint.graph.program.call_record import is_exported
from archlint.ops.autocast import (
    KEEPS,
    SINGLE_ON_GPU,
    SUMS,
    Casting,
    CastingFacet,
    casts,
)
from archlint.ops.backward import Backward
from archlint.ops.call import Call, nbytes
from archlint.ops.effect import Effect, Pooling, Pools
from archlint.ops.facets import per_input, saves_input, saves_nothing, saves_output
from archlint.ops.links import InputLinks, Link, Through, Whole, same_axes, same_axes_but
from archlint.ops.operator import Operator, SavedFacet, SignalFacet
from archlint.ops.saved import NOTHING, Gradients, SavedTensors
from archlint.ops.signals import extent
from archlint.ops.storage import Storage, ViewFacet
from archlint.ops.strides import Strides
from archlint.ops.undetermined import Undetermined

INDEX_BYTES = 8
_INDICES = frozenset({"ArgMax", "ArgMin"})
_DEPENDS_ON = "whether max or amax (min or amin) was called, which the file does not tell"


def reduced_axes(call: Call) -> frozenset[int]:
    """Return the axes that are reduced, from the attribute or the operand."""
    rank = call.rank(0)
    axes = call.integers("axes")
    if axes is None and call.has_input(1):
        axes = tuple(int(axis) for axis in call.known(1).reshape(-1))
    if not axes:
        untouched = call.integer("noop_with_empty_axes", 0)
        return frozenset() if untouched else frozenset(range(rank))
    return frozenset(axis % rank for axis in axes)


def sees_reduced(call: Call, _: int) -> InputLinks:
    """Read all of the reduced axes."""
    return {0: _reducing(call.rank(0), reduced_axes(call), bool(call.integer("keepdims", 1)))}


def sees_argument(call: Call, _: int) -> InputLinks:
    """ArgMax and ArgMin read all of one axis."""
    rank = call.rank(0)
    axis = call.integer("axis", 0) % rank
    return {0: _reducing(rank, frozenset({axis}), bool(call.integer("keepdims", 1)))}


def _reducing(rank: int, reduced: frozenset[int], keepdims: bool) -> tuple[Link, ...]:
    links: list[Link] = []
    target = 0
    for axis in range(rank):
        if axis in reduced:
            links.append(Whole(axis))
            target += keepdims
        else:
            links.append(Through(axis, target))
            target += 1
    return tuple(links)


def sees_prefix(call: Call, _: int) -> InputLinks:
    """A running sum at position t reads positions 0 to t."""
    rank = call.rank(0)
    axis = int(call.known(1).reshape(-1)[0]) % rank
    links: list[Link] = list(same_axes(rank))
    links[axis] = Whole(axis, causal=axis, backward=bool(call.integer("reverse", 0)))
    return {0: tuple(links)}


def sees_ranked(call: Call, _: int) -> InputLinks:
    """TopK reads all of the axis that it ranks."""
    rank = call.rank(0)
    ranked = call.integer("axis", -1) % rank
    return {0: same_axes_but(rank, {ranked})}


def saves_extremum(call: Call, gradients: Gradients) -> SavedTensors:
    """Save an int64 index for each output element; the gradient is scattered into zeros."""
    if not gradients[0]:
        return NOTHING
    if call.node.op.startswith("Reduce") and len(axes := reduced_axes(call)) > 1:
        # Only the operators that save no index take several axes.
        saved = saves_extreme(call, gradients)
        is_everything = len(axes) == call.rank(0)
        return replace(saved, transient=3 * call.elements(0)) if is_everything else saved
    own = INDEX_BYTES * call.output_elements()
    saved = SavedTensors(own=own, transient=nbytes(call.input(0)))
    if not _may_be_without_index(call):
        return saved
    return replace(saved, otherwise=saves_extreme(call, gradients), depends_on=_DEPENDS_ON)


def _may_be_without_index(call: Call) -> bool:
    """Whether `amax` or `amin` may have been called: TorchScript names no operator."""
    if not call.node.op.startswith("Reduce") or not call.graph.is_from_pytorch:
        return False
    readers = call.graph.consumers.get(call.node.inputs[0], ())
    return not is_exported(call.node) and not any(each.op in _INDICES for each in readers)


def saves_ranking(call: Call, gradients: Gradients) -> SavedTensors:
    """Save the indices that were found; the gradient is scattered into zeros."""
    if not gradients[0] or not call.has_output(1):
        return saves_extremum(call, gradients)
    return SavedTensors(outputs=(1,), transient=nbytes(call.input(0)))


def saves_extreme(call: Call, gradients: Gradients) -> SavedTensors:
    """Save the input and the result: the gradient is shared among the elements that equal it.

    On the way there are a mask of them, their number for each result, and the share of each.
    """
    if not gradients[0]:
        return NOTHING
    shares = INDEX_BYTES * call.output_elements() + nbytes(call.output())
    return SavedTensors(inputs=(0,), outputs=(0,), transient=call.elements(0) + shares)


def saves_signs(call: Call, gradients: Gradients) -> SavedTensors:
    """Save the input, whose signs the derivative needs."""
    return SavedTensors(inputs=(0,), transient=nbytes(call.input(0))) if gradients[0] else NOTHING


def saves_reduced(tensors: int) -> SavedFacet:
    """Save the input and the result; the derivative takes `tensors` steps of the input's size."""

    def saved(call: Call, gradients: Gradients) -> SavedTensors:
        if not gradients[0]:
            return NOTHING
        return SavedTensors(inputs=(0,), outputs=(0,), transient=tensors * nbytes(call.input(0)))

    return saved


def saves_no_sums(call: Call, gradients: Gradients) -> SavedTensors:
    """Save nothing: the gradient is flipped, summed cumulatively, and flipped again."""
    return SavedTensors(transient=2 * nbytes(call.input(0))) if gradients[0] else NOTHING


def views_spread(call: Call, _: int, strides: Strides) -> Strides:
    """The gradient of a sum is expanded over the summed positions, with stride 0."""
    reduced, keepdims = reduced_axes(call), bool(call.integer("keepdims", 1))
    if len(strides) != call.rank(0) - (0 if keepdims else len(reduced)):
        raise Undetermined("the gradient has other axes than the sum")
    left = iter(strides)
    spread = []
    for axis in range(call.rank(0)):
        stride = next(left) if keepdims or axis not in reduced else 0
        spread.append(0 if axis in reduced else stride)
    return tuple(spread)


def sees_nothing_known(call: Call, _: int) -> InputLinks:
    """The selected elements depend on the data."""
    raise Undetermined(f"what {call.node.op} selects depends on the data")


def reduces(name: str) -> SignalFacet | None:
    """Return the effect of a reduction: a mean, a sum or a maximum of the reduced elements."""
    poolings = {
        "ReduceMean": Pooling.MEAN,
        "ReduceSum": Pooling.TOTAL,
        "ReduceMax": Pooling.LARGEST,
    }
    if name not in poolings:
        return None

    def effect(call: Call) -> Effect:
        return Pools(poolings[name], extent(call, reduced_axes(call)))

    return effect


def saves_products(_: Call, gradients: Gradients) -> SavedTensors:
    """A running product saves its input and its output."""
    return SavedTensors(inputs=(0,), outputs=(0,)) if gradients[0] else NOTHING


def operators() -> tuple[Operator, ...]:
    """Return the entries of this family."""
    return (
        _reduce("ReduceMean", saves_nothing),
        _reduce("ReduceSum", saves_nothing, Backward.SPREADS, views_spread, SUMS),
        _reduce("ReduceMax", saves_extremum),
        _reduce("ReduceMin", saves_extremum),
        _reduce(
            "ReduceProd", saves_reduced(5), casting=casts(Casting.SINGLE, Casting.ANSWERS_SINGLE)
        ),
        _reduce("ReduceL1", saves_signs, casting=SUMS),
        _reduce("ReduceL2", saves_reduced(1), casting=SUMS),
        _reduce("ReduceSumSquare", saves_input, casting=SUMS),
        _reduce("ReduceLogSum", saves_reduced(0), casting=SINGLE_ON_GPU),
        _reduce("ReduceLogSumExp", saves_reduced(2), casting=SINGLE_ON_GPU),
        Operator("ArgMax", per_input(1), saves_nothing, sees_argument, differentiable=False),
        Operator("ArgMin", per_input(1), saves_nothing, sees_argument, differentiable=False),
        Operator("CumSum", per_input(1), saves_no_sums, sees_prefix, casting=SUMS),
        Operator("CumProd", per_input(1), saves_products, sees_prefix),
        Operator("TopK", per_input(1), saves_ranking, sees_ranked),
        Operator("NonZero", per_input(1), saves_nothing, sees_nothing_known, differentiable=False),
        Operator("Unique", per_input(1), saves_nothing, sees_nothing_known, differentiable=False),
        Operator(
            "NonMaxSuppression",
            per_input(1),
            saves_nothing,
            sees_nothing_known,
            differentiable=False,
        ),
        Operator("Compress", per_input(1), saves_output, sees_nothing_known),
    )


def _reduce(
    name: str,
    saved: SavedFacet,
    backward: Backward = Backward.MAKES,
    gradient_view: ViewFacet | None = None,
    casting: CastingFacet = KEEPS,
) -> Operator:
    return Operator(
        name,
        per_input(1),
        saved,
        sees_reduced,
        reduces(name),
        backward=backward,
        storage=Storage(gradient_view=gradient_view),
        casting=casting,
    )
