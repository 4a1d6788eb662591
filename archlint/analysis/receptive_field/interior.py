"""The interior of a field that is tabulated by position: what its middle positions read."""

from __future__ import annotations

from archlint.ops.reach import Reach, reach
from archlint.ops.taps import Taps

_LONGEST_PERIOD = 64


def interior(table: Reach, extent: int | None) -> Reach | None:
    """Return the periodic map of the longest run of positions that no border of the input affects.

    A position is inside where its field ends before both ends of the extent; with holes near the
    border its field could still be truncated, so that the largest field must also fit there. None
    where no position is inside. Without any period, the map has one phase for each position, and an
    advance of zero.
    """
    run = _longest_run(_inside(table.offsets, extent))
    if not run:
        return None
    entries = [table.offsets[position] for position in run]
    for period in range(1, min(_LONGEST_PERIOD, len(run) // 2) + 1):
        step = entries[period].low - entries[0].low
        if all(
            later.low - now.low == step and later.high - now.high == step
            for now, later in zip(entries, entries[period:], strict=False)
        ):
            return _rooted(entries[:period], step, run[0])
    return Reach(0, tuple(entries), finite=True)


def _inside(entries: tuple[Taps, ...], extent: int | None) -> list[int]:
    """Return the positions that no border affects."""
    filled = [position for position, taps in enumerate(entries) if taps]
    if extent is None:
        return filled
    clear = [
        position
        for position in filled
        if entries[position].low > 0 and entries[position].high < extent - 1
    ]
    largest = max((entries[position].span for position in clear), default=0)
    # A field at one border that is larger than all fields inside is not a truncated one.
    wide = [
        position
        for position in filled
        if entries[position].span > largest and _ends_at_one(entries[position], extent)
    ]
    largest = max((entries[position].span for position in wide), default=largest)
    return [
        position
        for position in sorted([*clear, *wide])
        if entries[position].high >= largest - 1 and entries[position].low <= extent - largest
    ]


def _ends_at_one(taps: Taps, extent: int) -> bool:
    """Whether a field inside the input ends at one of its borders."""
    return (taps.low == 0 and taps.high < extent - 1) or (taps.low > 0 and taps.high == extent - 1)


def _longest_run(positions: list[int]) -> list[int]:
    best, start = range(0), 0
    for place, position in enumerate(positions):
        if place and position != positions[place - 1] + 1:
            start = place
        if place + 1 - start > len(best):
            best = range(start, place + 1)
    return [positions[place] for place in best]


def _rooted(entries: list[Taps], step: int, first: int) -> Reach:
    """Return the map of `entries` from position `first` on, renumbered from 0."""
    period = len(entries)
    phases = []
    for phase in range(period):
        turn, entry = divmod(phase - first, period)
        phases.append(entries[entry].shifted(step * turn))
    return reach(step, phases)
