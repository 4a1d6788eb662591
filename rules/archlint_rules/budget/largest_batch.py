"""The largest batch that a budget allows, found by working the facts out again."""

from __future__ import annotations

from msgspec import Struct
from msgspec.structs import replace

from archlint.api import Amount, Model
from archlint_rules.budget.trials import Trials

_KEPT_BACK = 4  # trials reserved for other remedies, where there are many


class Batch(Struct, frozen=True):
    """A batch size that fits, 0 where not even one sample does; the largest unless cut short."""

    size: int
    amount: Amount
    is_largest: bool = True


def stated_batch(model: Model) -> int | None:
    """Return the batch size of the target, or that of the file where it is fixed there."""
    if model.target.batch_size is not None:
        return model.target.batch_size
    shapes = [model.graph.values[name].shape or () for name in model.graph.inputs]
    leading = next((shape[0] for shape in shapes if len(shape) > 1), None)
    return leading if isinstance(leading, int) else None


def largest_batch(trials: Trials) -> Batch | None:
    """Return the largest batch size that fits; None where there is no batch to change.

    A peak is the largest of amounts that are linear in the batch, and so convex: the chord between
    a batch that fits and one that does not lies above it, and where the chord meets the limit, the
    batch fits. Usually that is the largest already, and one more trial shows it.
    """
    given = stated_batch(trials.model)
    first = None if given is None else _try(trials, 1)
    if given is None or first is None:
        return None
    if given == 1 or not first[1]:
        return Batch(0, Amount())
    return _search(trials, Batch(1, first[0]), given)


def _search(trials: Trials, fits: Batch, exceeds: int) -> Batch:
    """Search between a batch that fits and one that does not."""
    above = trials.budget.measure(trials.model.facts)
    reserve = min(_KEPT_BACK, trials.left // 2)
    try_next = False
    while exceeds - fits.size > 1:
        room = (trials.budget.limit - fits.amount.high) / max(above.high - fits.amount.high, 1)
        step = 1 if try_next else int(room * (exceeds - fits.size))
        size = min(max(fits.size + step, fits.size + 1), exceeds - 1)
        tried = None if trials.left <= reserve else _try(trials, size)
        if tried is None:
            return replace(fits, is_largest=False)
        try_next = tried[1] and not try_next
        if tried[1]:
            fits = Batch(size, tried[0])
        else:
            exceeds, above = size, tried[0]
    return fits


def _try(trials: Trials, batch: int) -> tuple[Amount, bool] | None:
    return trials.amount(replace(trials.model.target, batch_size=batch))
