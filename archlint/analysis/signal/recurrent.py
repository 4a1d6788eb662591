"""The signal through recurrent cells."""

from __future__ import annotations

from math import sqrt

from msgspec.structs import replace

from archlint.analysis.signal import gaussian
from archlint.analysis.signal.gaussian import TINY
from archlint.analysis.signal.signal import Signal, normal
from archlint.ops.effect import Recurs
from archlint.ops.undetermined import Undetermined

_SLACK = 0.25  # ln: the error of the mean-field estimate of a cell's state
_MANY = 50  # steps of a recurrence, after which its state has settled


def recurred(
    name: str,
    data: Signal,
    effect: Recurs,
    weights: list[Signal | None],
    offset: Signal | None,
) -> Signal:
    """Iterate the state of a cell with normally distributed gates to its fixed point."""
    if any(weight is None for weight in weights):
        raise Undetermined("the initial weights of the cell are not known")
    per_input, per_state = (
        fan.fan_in * (weight.second_moment if weight else 0)
        for (_, fan), weight in zip(effect.fans, weights, strict=True)
    )
    bias = 2 * offset.second_moment if offset is not None else 0.0
    steady = bias + per_input * data.places_product
    changing = per_input * max(data.second_moment - data.places_product, 0)
    state = _settled(effect, steady, changing, per_state)
    made = normal(name, 0, sum(state), (state[0], state[0]))
    # A bias with a mean opens one gate only, but all gates are modelled as one here.
    low = -_SLACK if offset is None or offset.mean == 0 else -4 * _SLACK
    return replace(made, low=low, high=_SLACK, drift=data.drift, width=effect.fans[1][1].channels)


def _settled(
    effect: Recurs, steady: float, changing: float, per_state: float
) -> tuple[float, float]:
    """Return the mean over the steps of the state's second moment: its lasting and changing part.

    The contribution of the bias is the same at every step, so that it accumulates linearly; that of
    the input is independent at every step, so that its squares accumulate.
    """
    import numpy as np

    z = gaussian.nodes()
    lasts, changes, cells, total = 0.0, 0.0, (0.0, 0.0), [0.0, 0.0]
    steps = max(min(effect.steps, _MANY), 1)
    for _ in range(steps):
        part = (steady + per_state * lasts, changing + per_state * changes)
        gate = sqrt(sum(part))
        opening = gaussian.second_moment(0.5 * (1 + np.tanh(0.5 * gate * z)))
        share = gaussian.second_moment(np.tanh(gate * z)) / max(sum(part), TINY)
        new = (share * part[0], share * part[1])
        if effect.gates == 1:
            lasts, changes = new
        elif effect.gates == 3:  # one gate keeps the old state, its complement adds the new one
            lasts = _half_and_half(lasts, new[0])
            changes = opening * (changes + new[1])
        else:
            cells = _half_and_half(cells[0], new[0]), opening * (cells[1] + new[1])
            squash = gaussian.second_moment(np.tanh(sqrt(sum(cells)) * z)) / max(sum(cells), TINY)
            lasts, changes = opening * squash * cells[0], opening * squash * cells[1]
        total[0] += lasts
        total[1] += changes
    return total[0] / steps, total[1] / steps


def _half_and_half(old: float, new: float) -> float:
    """Return the square of half of both roots: a gate of what lasts is half open on average."""
    return (0.5 * sqrt(old) + 0.5 * sqrt(new)) ** 2
