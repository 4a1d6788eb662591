"""Operators that rearrange, repeat or name elements without computing."""

from __future__ import annotations

from archlint.ops.autocast import KEEPS, STATES, TAKES_AFTER, CastingFacet
from archlint.ops.backward import Backward
from archlint.ops.call import Call
from archlint.ops.facets import (
    no_cost,
    saves_nothing,
    sees_any_position,
    sees_elementwise,
    sees_first_input,
)
from archlint.ops.links import (
    Fixed,
    InputLinks,
    Link,
    Through,
)
from archlint.ops.operator import LinksFacet, Operator, SavedFacet, SignalFacet
from archlint.ops.regroup import regroupings
from archlint.ops.selection import Selection
from archlint.ops.signals import moves, passes
from archlint.ops.storage import NEW, Layout, Storage
from archlint.ops.strides import (
    views_cast,
    views_expanded,
    views_reshaped,
    views_same,
    views_transposed,
    views_untransposed,
)
from archlint.ops.undetermined import Undetermined
from archlint.ops.weight_origin import WeightOrigin


def sees_reshaped(call: Call, _: int) -> InputLinks:
    """Axes are reshaped in row-major order."""
    before, after = call.input(0).shape, call.output().shape
    if before is None or after is None:
        raise Undetermined(f"the shape of {call.node.output!r} is not known")
    return {0: regroupings(before, after)}


def sees_transposed(call: Call, _: int) -> InputLinks:
    """Axes are permuted."""
    rank = call.rank(0)
    order = call.integers("perm") or tuple(reversed(range(rank)))
    return {0: tuple(Through(source, target) for target, source in enumerate(order))}


def sees_squeezed(call: Call, _: int) -> InputLinks:
    """Axes of one element are removed."""
    rank = call.rank(0)
    gone = _axes(call, rank)
    if gone is None:
        gone = frozenset(axis for axis, dim in enumerate(call.input(0).shape or ()) if dim == 1)
    links: list[Link] = []
    target = 0
    for axis in range(rank):
        if axis in gone:
            links.append(Fixed(axis))
        else:
            links.append(Through(axis, target))
            target += 1
    return {0: tuple(links)}


def sees_unsqueezed(call: Call, _: int) -> InputLinks:
    """Axes of one element are inserted."""
    new = _axes(call, call.output_rank()) or frozenset()
    kept = [axis for axis in range(call.output_rank()) if axis not in new]
    return {0: tuple(Through(source, target) for source, target in enumerate(kept))}


def _axes(call: Call, rank: int) -> frozenset[int] | None:
    axes = call.integers("axes")
    if axes is None and call.has_input(1):
        axes = tuple(int(axis) for axis in call.known(1).reshape(-1))
    return None if axes is None else frozenset(axis % rank for axis in axes)


def sees_elementwise_first(call: Call, output: int) -> InputLinks:
    """Only the first input is data; the second one is a shape."""
    return {0: sees_elementwise(call, output)[0]}


def operators() -> tuple[Operator, ...]:
    """Return the entries of this family."""
    return (
        moving(
            "Identity",
            sees_first_input,
            signal=passes,
            storage=Storage(view=views_same),
            origin=WeightOrigin.SAME,
            selection=Selection.ALL,
        ),
        *(
            moving(
                name,
                sees_first_input,
                signal=passes,
                storage=Storage(view=views_cast, gradient_view=views_cast, layout=Layout.FOLLOWS),
                origin=WeightOrigin.SAME,
                casting=casting,
            )
            for name, casting in (("Cast", STATES), ("CastLike", TAKES_AFTER))
        ),
        moving(
            "Reshape", sees_reshaped, storage=Storage(view=views_reshaped), origin=WeightOrigin.SAME
        ),
        moving("Flatten", sees_reshaped, storage=Storage(view=views_reshaped)),
        moving(
            "Transpose",
            sees_transposed,
            storage=Storage(view=views_transposed, gradient_view=views_untransposed),
            origin=WeightOrigin.SAME,
        ),
        *(
            moving(
                name,
                links,
                storage=Storage(view=views_reshaped),
                origin=WeightOrigin.SAME,
                selection=Selection.ALL,
            )
            for name, links in (("Squeeze", sees_squeezed), ("Unsqueeze", sees_unsqueezed))
        ),
        moving(
            "Expand",
            sees_elementwise_first,
            storage=Storage(view=views_expanded),
            backward=Backward.PASSES,
        ),
        moving("ReverseSequence", sees_any_position),
        moving("Trilu", sees_first_input),
        Operator(
            "BitCast",
            no_cost,
            saves_nothing,
            sees_first_input,
            differentiable=False,
            storage=Storage(view=views_same),
        ),
        # PyTorch allocates it as large as its input, and then returns a slice of it.
        Operator(
            "Col2Im",
            no_cost,
            saves_nothing,
            sees_any_position,
            moves,
            storage=Storage(allocated_like=0),
        ),
    )


def moving(  # noqa: PLR0913 - a keyword a facet
    name: str,
    links: LinksFacet,
    saved: SavedFacet = saves_nothing,
    *,
    signal: SignalFacet | None = moves,
    storage: Storage = NEW,
    origin: WeightOrigin = WeightOrigin.COMPUTED,
    backward: Backward | None = None,
    casting: CastingFacet = KEEPS,
    selection: Selection | None = None,
) -> Operator:
    """Return the entry of an operator that computes nothing.

    Where it returns a view, the gradient is one as well, unless `backward` says otherwise.
    """
    regroups = Backward.REGROUPS if storage.view is not None else Backward.MAKES
    return Operator(
        name,
        no_cost,
        saved,
        links,
        signal,
        storage=storage,
        origin=origin,
        backward=backward or regroups,
        casting=casting,
        selection=selection,
    )
