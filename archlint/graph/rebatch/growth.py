"""Which tensors grow when a model is read with another batch than its file has."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archlint.graph.value import Provenance, Value

if TYPE_CHECKING:
    from archlint.graph.graph import Graph
    from archlint.graph.reading.scope import Scope


class Growth:
    """Compares tensors with the same tensors of the model `before`, with its original batch."""

    def __init__(self, before: Graph, old: int, new: int) -> None:
        self.before = before
        self.old = old
        self.new = new
        # The factor before the batch in the axis that grows: 9 for a merged axis of 9 x batch, 1
        # for inputs; missing where unknown.
        self.within: dict[str, int] = {}

    def sizes(self, name: str) -> tuple[int, ...] | None:
        """Return the sizes of a tensor with the old batch."""
        value = self.before.values.get(name)
        return None if value is None else value.sizes

    def moved(self, name: str, scope: Scope) -> bool:
        """Whether the shape of a tensor changed with the batch, or became unknown."""
        old, value = self.sizes(name), scope.values[name]
        return old is not None and old != value.sizes

    def axis(self, name: str, scope: Scope) -> int | None:
        """Return the axis of a tensor that grew with the batch; None where none did."""
        old, new = self.sizes(name), scope.values[name].sizes
        if old is None or new is None or len(old) != len(new):
            return None
        axes = [axis for axis, (a, b) in enumerate(zip(old, new, strict=True)) if a != b]
        if len(axes) != 1 or old[axes[0]] * self.new != new[axes[0]] * self.old:
            return None
        return axes[0]

    def grown(self, name: str, axis: int, scope: Scope) -> Value:
        """Return a tensor with the old batch replaced by the new one in an axis."""
        value, sizes = scope.values[name], self.sizes(name) or ()
        shape = (*sizes[:axis], sizes[axis] // self.old * self.new, *sizes[axis + 1 :])
        return Value(name, value.dtype, shape, value.role, Provenance.BOUND)

    def forget(self, name: str, scope: Scope) -> None:
        """Mark the shape of a tensor as unknown, since its batch axis is not known."""
        value = scope.values[name]
        unknown = (None,) * len(value.shape or ())
        scope.amend(Value(name, value.dtype, unknown, value.role))
        scope.open.add(name)
        scope.unknown[name] = (
            f"the model is fixed to batch {self.old}, "
            f"and how this tensor changes with batch {self.new} is not known"
        )
