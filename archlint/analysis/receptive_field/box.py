"""The region of the input that one element reads, and the overlap that exact tiling needs."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

from archlint.analysis.receptive_field.branch import Mark
from archlint.analysis.receptive_field.field import Field
from archlint.ops.taps import Taps, united


class Stretch(Struct, frozen=True):
    """The elements of one input axis that one element reads, from `low` to `high`.

    They may lie outside of the input, in its padding. `taps` is how many of those inside are read,
    None where only the ends are known.
    """

    low: int
    high: int
    taps: int | None


def stretch(field: Field, position: Mapping[int, int]) -> Stretch | None:
    """Return what the element at `position`, given by axis, reads; None where it reads nothing.

    An axis that is not in `position` counts as a whole. Raises `ValueError` where the field is
    not known, or reads everything of an input whose length is not known.
    """
    if field.unknown is not None:
        raise ValueError(field.unknown)
    if field.whole is not None:
        if field.extent is None:
            raise ValueError("everything is read, and its extent is not known")
        return Stretch(0, field.extent - 1, field.extent)
    if not field.branches:
        return None
    parts = []
    for branch in field.branches:
        taps = branch.rest
        for axis, term in branch.terms:
            if axis in position:
                taps = taps.sum(term.at(position[axis]))
            else:
                taps = taps.sum(united(term.entries(_length(field, axis))))
        parts.append(taps)
    taps = united(parts)
    return _opened(field, taps) if taps else None


def _opened(field: Field, taps: Taps) -> Stretch:
    below, above = Mark.BELOW in field.marks, Mark.ABOVE in field.marks
    if above and field.extent is None:
        raise ValueError("everything after is read, and its extent is not known")
    low = min(taps.low, 0) if below else taps.low
    high = max(taps.high, (field.extent or 0) - 1) if above else taps.high
    inside = taps if field.extent is None else taps.within(0, field.extent - 1)
    return Stretch(low, high, None if below or above else inside.count)


def _length(field: Field, axis: int) -> int | None:
    size = field.shape[axis] if axis < len(field.shape) else None
    return size if isinstance(size, int) else None


class Halo(Struct, frozen=True):
    """How to split an input into tiles that give the same outputs as the whole input.

    A tile of outputs starts at a multiple of `outputs`, and its part of the input at the same
    multiple of `inputs`; it needs `before` more elements before that part and `after` after it.
    """

    inputs: int
    outputs: int
    before: int
    after: int

    @property
    def overlap(self) -> int:
        """How many elements neighbouring tiles of the input share."""
        return self.before + self.after


def halo(field: Field) -> Halo | None:
    """Return the overlap for exact tiling; None where the outputs cannot be made from tiles."""
    reach = field.reach
    if field.kind != "local" or reach is None or reach.finite or reach.advance <= 0:
        return None
    low = min(taps.low for taps in reach.offsets if taps)
    high = max(taps.high for taps in reach.offsets if taps)
    return Halo(reach.advance, reach.period, max(0, -low), max(0, high - reach.advance + 1))
