"""Propagates fields through an operator: along one path, and over all of its inputs."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from archlint.analysis.receptive_field.branch import Branch, Everything, length, passed
from archlint.analysis.receptive_field.branches import joined_pieces, merged
from archlint.analysis.receptive_field.field import Field, unknown_field
from archlint.analysis.receptive_field.node_looks import Look
from archlint.graph.value import Shape
from archlint.ops.links import Link, Piece, Regroup, Stage, Through, Whole
from archlint.ops.taps import Taps
from archlint.ops.undetermined import Undetermined

_LONGEST_SPELLED = 1 << 14


def union(fields: Sequence[Field], pieces: Sequence[Piece] = ()) -> Field:
    """Return what is read along any of several paths to the same tensor.

    Where the paths are `pieces` that are concatenated along an axis, each position reads only what
    its own piece reads.
    """
    if len(fields) == 1:
        return fields[0]
    if pieces:
        fields = _told_by_place(fields, pieces)
    first = fields[0]
    if not pieces and all(field is first for field in fields):
        return first
    for field in fields:
        if field.lost is not None:
            return field
    whole = next((field.whole for field in fields if field.whole), None)
    bounded = any(field.bounded for field in fields)
    if whole is not None:
        everywhere = [field for field in fields if field.whole and not field.bounded]
        bounded = not everywhere or (bool(pieces) and not all(field.whole for field in fields))
    blended = frozenset(axis for field in fields for axis in field.blended)
    if pieces and any(field.branches != first.branches for field in fields):
        blended |= {pieces[0].axis}
    try:
        branches, exact = _together(fields, pieces)
    except Undetermined as reason:
        lost = unknown_field(str(reason))
        return lost if whole is None else replace(first, branches=(), whole=whole)
    bounded = bounded or not exact
    joined = replace(first, branches=branches, whole=whole, bounded=bounded, blended=blended)
    return next((field for field in fields if _is_same(joined, field)), joined)


def _told_by_place(fields: Sequence[Field], pieces: Sequence[Piece]) -> Sequence[Field]:
    """Return the fields with global ones expanded where only some of the pieces are global.

    A piece that is sliced off later then has its own field again, not a global one.
    """
    wholes = [field.whole is not None for field in fields]
    first, axis = fields[0], pieces[0].axis
    known = first.extent is not None and first.extent <= _LONGEST_SPELLED
    if all(wholes) or not any(wholes) or not known or length(first.shape, axis) is None:
        return fields
    if any(own != axis for field in fields for each in field.branches for own, _ in each.terms):
        return fields
    everything = (Branch((), Taps.progression(0, first.extent or 1, 1)),)
    return [
        replace(field, branches=everything, whole=None) if field.whole is not None else field
        for field in fields
    ]


def _together(fields: Sequence[Field], pieces: Sequence[Piece]) -> tuple[tuple[Branch, ...], bool]:
    """Return the branches of all fields, and whether they are exact."""
    shape, extent = fields[0].shape, fields[0].extent
    if not pieces:
        return merged([each for field in fields for each in field.branches], shape), True
    parts = [
        (piece, branch)
        for piece, field in zip(pieces, fields, strict=True)
        for branch in field.branches
    ]
    return joined_pieces(parts, shape, extent) if parts else ((), True)


def leaves(look: Look, field: Field, after: Shape) -> bool:
    """Whether an output of shape `after` has the same field as its input.

    This holds for most operators along most axes: a convolution along the batch, a projection along
    time. Such a chain then shares one field object and its cached properties.
    """
    if field.shape != after:
        return False
    if look.is_pointwise:
        return True
    for branch in field.branches:
        terms = branch.terms
        if len(terms) != 1 or terms[0][0] not in look.kept:
            return False
    return field.blended <= look.kept


def through(field: Field, stages: Sequence[Stage], node: str) -> Field:
    """Return the field of the output of `node` that looks at `field` in these steps."""
    for stage in stages:
        if field.lost is not None:
            break
        field = _through(field, stage, node)
    return field


def _through(field: Field, stage: Stage, node: str) -> Field:
    whole, branches = field.whole, []
    for branch in field.branches:
        try:
            new = passed(branch, stage.links, field.shape, stage.shape, field.extent)
        except Everything:
            whole = whole or node
        except Undetermined as reason:
            if field.whole is None:
                return unknown_field(str(reason))
        else:
            if new is not None:
                branches.append(new)
    bounded, blended = field.bounded, field.blended
    if blended:
        cut, blended = _blending(blended, stage.links)
        bounded = bounded or cut
    seen = Field(stage.shape, field.extent, tuple(branches), whole, bounded, blended=blended)
    return field if _is_same(seen, field) else seen


def _is_same(seen: Field, field: Field) -> bool:
    """Whether an operator passed the same branches on, because it changes none of their axes."""
    return (
        seen.branches == field.branches
        and seen.shape == field.shape
        and seen.whole == field.whole
        and seen.bounded == field.bounded
        and seen.blended == field.blended
    )


def _blending(blended: frozenset[int], links: Sequence[Link]) -> tuple[bool, frozenset[int]]:
    """Return whether `links` slice a blended axis, and which output axes are blended."""
    cut = False
    after: set[int] = set()
    for link in links:
        if isinstance(link, Regroup):
            if blended.intersection(link.sources):
                after.update(link.targets)
        elif link.source in blended:
            if isinstance(link, Piece):
                after.add(link.axis)
            elif isinstance(link, Through):
                after.add(link.target)
                cut = cut or not link.reach.is_identity
            elif not isinstance(link, Whole):
                cut = True
    return cut, frozenset(after)
