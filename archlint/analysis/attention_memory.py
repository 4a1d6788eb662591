"""What attention keeps: scores that nobody fused, and keys and values of earlier tokens."""

from __future__ import annotations

from functools import cached_property
from math import prod

from archlint.analysis.amount import Amount, Unknown, total
from archlint.analysis.saved import Saved
from archlint.graph.node import Node
from archlint.ops.call import Call
from archlint.ops.composite.scores import up_to_values, weighs_values
from archlint.ops.undetermined import Undetermined
from archlint.record import record


@record
class Scores:
    """The scores of one attention that are kept whole: (..., T, S) and their bytes in training."""

    node: str
    shape: tuple[int, ...]
    nbytes: int


@record(slots=False)
class AttentionMemory:
    """The memory of attention, over the operators that the framework ran."""

    saved: Saved

    @cached_property
    def scores(self) -> tuple[Scores, ...]:
        """The scores that the backward pass keeps, an entry for each attention without fusion."""
        return tuple(
            Scores(node.name, shape, self._kept_bytes(node, shape))
            for node in self.saved.graph.nodes
            if (shape := self._shape_of_scores(node)) is not None
        )

    def cache(self, context: int, width: int | None = None) -> Amount:
        """Return the bytes of keys and values of `context` tokens, for each sequence of a batch.

        2 L h d T B values for L layers with h heads for keys and values of width d. Keys of another
        length than the queries come from elsewhere and do not grow. `width` is the bytes of a
        value where it is another than in the file.
        """
        operator_of = self.saved.operators.of
        caches = [
            self._cache_of(node, operator.cached, context, width)
            for node in self.saved.graph.nodes
            if (operator := operator_of(node)) is not None and operator.cached
        ]
        if not caches:
            reason = "no attention is recognized"
            return Amount(0, 0, (Unknown("", "attention", reason),))
        return total(caches)

    def _cache_of(
        self, node: Node, slots: tuple[int, ...], context: int, width: int | None
    ) -> Amount:
        call = Call(node, self.saved.graph)
        nbytes = 0
        try:
            queries = call.shape(0)[-2]
            for slot in slots:
                value, shape = call.input(slot), call.shape(slot)
                length = context if shape[-2] == queries else shape[-2]
                stored = width or (value.dtype.bits // 8 if value.dtype is not None else 4)
                nbytes += prod(shape[:-2]) * length * shape[-1] * stored
        except Undetermined as reason:
            return Amount(0, 0, (Unknown(node.name, node.op, str(reason)),))
        return Amount.exact(nbytes)

    def _shape_of_scores(self, node: Node) -> tuple[int, ...] | None:
        """Return the shape of a softmax over the scores of queries and keys, None of others."""
        graph = self.saved.graph
        shape = graph.values[node.output].sizes if weighs_values(node, graph) else None
        return None if shape is None or min(shape[-2:]) < 2 else shape

    def _kept_bytes(self, node: Node, shape: tuple[int, ...]) -> int:
        """Return the bytes of maps of that size between a softmax and its product."""
        graph, saved = self.saved.graph, self.saved
        nodes = up_to_values(node, graph)
        kept = {each for one in nodes for each in saved.of_node[one.name].storages}
        found = sum(
            saved.storages.known_bytes(storage)
            for storage in kept
            if graph.values[storage].sizes == shape
        )
        return found + sum(saved.of_node[one.name].own.low for one in nodes[1:-1])
