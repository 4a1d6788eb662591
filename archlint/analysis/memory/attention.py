"""The memory of attention: scores of unfused attention, and the KV cache."""

from __future__ import annotations

from functools import cached_property
from math import prod

from msgspec import Struct

from archlint.analysis.amount import Amount, Unknown, total
from archlint.analysis.memory.saved import Saved
from archlint.graph.node import Node
from archlint.ops.call import Call
from archlint.ops.undetermined import Undetermined
from archlint.ops.unfused_attention import from_scores_to_values


class Scores(Struct, frozen=True):
    """The saved scores of one unfused attention: shape (..., T, S) and bytes in training."""

    node: str
    shape: tuple[int, ...]
    nbytes: int


class AttentionMemory(Struct, frozen=True, dict=True):
    """The memory of attention, over the operators that the framework ran."""

    saved: Saved

    @cached_property
    def scores(self) -> tuple[Scores, ...]:
        """The scores that are saved for the backward pass, an entry for each unfused attention."""
        graph = self.saved.graph
        return tuple(
            scores
            for node in graph.nodes
            if (nodes := from_scores_to_values(node, graph)) and (scores := self._scores_of(nodes))
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

    def _scores_of(self, nodes: tuple[Node, ...]) -> Scores | None:
        """Return the maps that are saved between a softmax and its product; None for one row."""
        saved, values = self.saved, self.saved.graph.values
        softmax, *between, _ = nodes
        shape = values[softmax.output].sizes
        if shape is None or min(shape[-2:]) < 2:
            return None
        kept = {storage for node in nodes for storage in saved.of_node[node.name].storages}
        maps = (storage for storage in kept if values[storage].sizes == shape)
        nbytes = sum(map(saved.storages.known_bytes, maps))
        nbytes += sum(saved.of_node[node.name].own.low for node in between)
        return Scores(softmax.name, shape, nbytes)
