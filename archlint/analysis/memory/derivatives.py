"""The gradient tensors that the backward pass of an operator creates."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from archlint.analysis.memory.gradient import Gradient
from archlint.analysis.memory.ledger import Ledger
from archlint.analysis.memory.saved import Saved
from archlint.graph.node import Node
from archlint.ops.backward import Backward
from archlint.ops.call import Call
from archlint.ops.operator import Operator
from archlint.ops.storage import AS_CHANNELS, Layout
from archlint.ops.strides import Strides, channels_last, contiguous, follows, reshape
from archlint.ops.undetermined import Undetermined


class Derivatives(Struct, frozen=True):
    """Differentiates the operators of a graph, one call at a time.

    A gradient is passed on, unchanged or as a view, where the operator only moves elements; else it
    is a new tensor in the `ledger`, with the strides that the framework gives it.
    """

    saved: Saved
    ledger: Ledger

    def of(self, node: Node, arrived: Gradient) -> tuple[list[tuple[str, Gradient]], int]:
        """Return the gradients of the inputs by name, and the bytes of intermediate tensors.

        They are in the order in which they arrive.
        """
        operator = self.saved.operators.of(node)
        made: list[tuple[str, Gradient]] = []
        reduced: list[int] = []
        form = Backward.MAKES if operator is None else operator.backward
        pointwise = operator is not None and operator.storage.layout is Layout.FOLLOWS
        for slot, name in enumerate(node.inputs):
            if not self.saved.gradients.of(node)[slot]:
                continue
            passed = self._pass_on(node, operator, form, slot, arrived)
            if passed is not None:
                self.ledger.hold(passed.storage)
                made.append((name, passed))
                continue
            made.append((name, self.new(name, self._layout(name, operator, arrived))))
            full = self._bytes(node.output)
            is_made = form is Backward.MAKES or (form is Backward.PASSES_FIRST and slot > 0)
            if pointwise and is_made and self._bytes(name) < full:
                reduced.append(self._bytes(name))
        if operator is not None and operator.last_first:
            made.reverse()
        return made, _most_besides(reduced, self._bytes(node.output))

    def taken(self, node: Node, arrived: Gradient) -> Gradient:
        """Return the gradient for an operator, copied where its strides allow no such view."""
        operator = self.saved.operators.of(node)
        shape_of = None if operator is None else operator.storage.gradient_shape
        if shape_of is None or arrived.strides is None:
            return arrived
        try:
            merged = shape_of(Call(node, self.saved.graph))
        except Undetermined:
            return arrived
        if reshape(arrived.shape, arrived.strides, merged) is not None:
            return arrived
        copied = self.new(node.output)
        self.ledger.mark()
        self.ledger.release(arrived.storage)
        return copied

    def _pass_on(
        self, node: Node, operator: Operator | None, form: Backward, slot: int, arrived: Gradient
    ) -> Gradient | None:
        """Return a gradient that shares the storage, None where a new tensor is needed."""
        value = self.saved.graph.values[node.inputs[slot]]
        shape = value.sizes
        is_cast = value.dtype is not self.saved.graph.values[node.output].dtype
        if shape is None or operator is None or is_cast:
            return None
        if form is Backward.PASSES or (form is Backward.PASSES_FIRST and slot == 0):
            return arrived if shape == arrived.shape else None
        if form is Backward.CUTS:
            strides = arrived.strides if len(shape) == len(arrived.shape) else None
            return Gradient(arrived.storage, shape, strides, is_view=True)
        if form in {Backward.SPREADS, Backward.REGROUPS}:
            strides = self._regrouped(node, operator, shape, arrived)
            if strides is not None:
                is_view = arrived.is_view or form is Backward.SPREADS
                return Gradient(arrived.storage, shape, strides, is_view)
        return None

    def _regrouped(
        self, node: Node, operator: Operator, shape: tuple[int, ...], arrived: Gradient
    ) -> Strides | None:
        if arrived.strides is None:
            return None
        view = operator.storage.gradient_view
        if view is None:
            return reshape(arrived.shape, arrived.strides, shape)
        try:
            strides = view(Call(node, self.saved.graph), 0, arrived.strides)
        except Undetermined:
            return None
        return strides if strides is not None and len(strides) == len(shape) else None

    def _layout(self, name: str, operator: Operator | None, arrived: Gradient) -> Strides | None:
        """Return the strides of a new gradient: those of the tensor and the incoming gradient."""
        shape = self.saved.graph.values[name].sizes
        own = self.saved.storages.strides(name)
        if shape is None or own is None or operator is None:
            return None
        layout = operator.storage.layout
        if layout is Layout.FOLLOWS and arrived.strides is not None:
            same = arrived.shape == shape
            return follows(shape, [(shape, arrived.strides), (shape, own)] if same else [])
        if layout is Layout.FOLLOWS_FIRST:
            return follows(shape, [(shape, own)])
        if not isinstance(layout, Layout) or layout is Layout.CHANNELS_OF_ALL:
            return contiguous(shape)
        fewest = AS_CHANNELS.get(layout)
        is_last = fewest is not None and channels_last(shape, own, fewest=fewest)
        return own if is_last else contiguous(shape)

    def new(self, name: str, strides: Strides | None = None) -> Gradient:
        """Return a new gradient of a tensor, by default row-major."""
        shape = self.saved.graph.values[name].sizes
        storage = self.ledger.allocate(self._bytes(name))
        if shape is None:
            return Gradient(storage, (), None)
        return Gradient(storage, shape, contiguous(shape) if strides is None else strides)

    def _bytes(self, name: str) -> int:
        return self.saved.storages.gradient_bytes(name)  # the others: `Saved.unknown`


def _most_besides(reduced: Sequence[int], full: int) -> int:
    """Return the peak bytes of temporaries when gradients are reduced from `full` ones in turn.

    All exist with the size and format of the output before the first one is summed over the axes
    along which its tensor was broadcast, or cast to its format.
    """
    waiting, besides = len(reduced), 0
    missing = sum(reduced)
    for nbytes in reduced:
        missing -= nbytes
        besides = max(besides, waiting * full - missing)
        waiting -= 1
    return besides
