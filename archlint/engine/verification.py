"""Verifies receptive fields by a run: perturbs inputs and compares outputs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from archlint.errors import CannotRun

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import numpy as np

    from archlint.analysis.receptive_field.extents import Extent
    from archlint.analysis.receptive_field.field import Field
    from archlint.engine.running import Running
    from archlint.model import Model

_PLACES = 9
# Tolerance for the order of summation in kernels: smaller differences are not a change.
_NOISE = 1e-5


class Compared(Struct, frozen=True):
    """The comparison of one tensor along one axis of an input.

    Of the `predicted` pairs of a perturbed position and an output position that reads it, `seen`
    did change; the others can be masked by a rectifier or a maximum. `outside` is the first pair
    that changed although it was not predicted: (position along `axis`, perturbed position).
    """

    tensor: str
    extent: Extent
    axis: int | None
    places: int
    predicted: int
    seen: int
    outside: tuple[int, int] | None = None


def verify(model: Model, running: Running, tensors: Sequence[str]) -> Iterator[Compared]:
    """Yield the comparison of each of `tensors` along each axis of the inputs.

    All inputs are random; then the positions of one axis are perturbed one at a time, at both ends
    and evenly between them, the same in every run.
    """
    fields = model.facts.receptive_fields
    inputs = running.inputs()
    known = [name for name in tensors if running.has(name)]
    before = running.run(inputs, known)
    for extent in fields.extents:
        length = inputs[extent.input].shape[extent.axis]
        places = sorted({round(i * (length - 1) / (_PLACES - 1)) for i in range(_PLACES)})
        changed: dict[str, list[np.ndarray]] = {name: [] for name in known}
        for place in places:
            after = running.run(running.changed(inputs, extent.input, extent.axis, place), known)
            for name in known:
                changed[name].append(_differs(before[name], after[name]))
        for name in known:
            yield _compared(name, extent, fields.of(name, extent), places, changed[name])


def _differs(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    import numpy as np

    differs: np.ndarray = before != after
    if before.dtype.kind != "f":
        return differs
    numbers = np.where(np.isfinite(before), np.abs(before), 0)
    noise = _NOISE * (float(numbers.max()) if numbers.size else 0.0) + 1e-12
    both_missing = np.isnan(before) & np.isnan(after)
    differs &= ~both_missing & ~(np.abs(before - after) <= noise)
    return differs


def _compared(
    name: str, extent: Extent, field: Field, places: list[int], changed: list[np.ndarray]
) -> Compared:
    """Compare the observed changes with the predicted field, along the axis that moves most."""
    import numpy as np

    axis = field.axis
    if field.unknown is not None or not field.is_local or axis is None:
        everything = 0 if field.is_independent else sum(each.size for each in changed)
        hit = sum(int(each.sum()) for each in changed)
        wrong = field.is_independent and hit
        return Compared(name, extent, None, len(places), everything, hit, (0, 0) if wrong else None)
    predicted = seen = 0
    outside = None
    for place, each in zip(places, changed, strict=True):
        others = tuple(other for other in range(each.ndim) if other != axis)
        rows = np.atleast_1d(each.any(axis=others))
        expected = _readers(field, axis, place, len(rows))
        predicted += int(expected.sum())
        seen += int((rows & expected).sum())
        stray = (rows & ~expected & _judged(field, axis, len(rows))).nonzero()[0]
        if stray.size and outside is None:
            outside = (int(stray[0]), place)
    return Compared(name, extent, axis, len(places), predicted, seen, outside)


def _readers(field: Field, axis: int, place: int, count: int) -> np.ndarray:
    """Return which positions along `axis` read `place` of the input."""
    import numpy as np

    along = field.along(axis)
    return np.array([place in set(along.at(position)) for position in range(count)], bool)


def _judged(field: Field, axis: int, count: int) -> np.ndarray:
    """Return the positions that a field describes: those whose windows lie inside the input.

    At a border, resizing repeats the last element, and reflecting padding reads other elements.
    """
    import numpy as np

    along, last = field.along(axis), (field.extent or 0) - 1
    inside = [
        not taps or (taps.low > 0 and (field.extent is None or taps.high < last))
        for taps in (along.at(position) for position in range(count))
    ]
    return np.array(inside, bool)


def check_runnable(model: Model) -> None:
    """Raise `CannotRun` where an input has a dimension without a size."""
    open_inputs = [name for name in model.graph.inputs if model.graph.values[name].sizes is None]
    if open_inputs:
        flags = " ".join(model.binding_flags())
        raise CannotRun(f"{model.path}: input {open_inputs[0]} has open dimensions: give {flags}")
