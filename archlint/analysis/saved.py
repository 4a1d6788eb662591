"""Which tensors the backward pass keeps."""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property

from archlint.analysis.amount import Amount, Unknown, total
from archlint.analysis.gradients import GradientFlow
from archlint.analysis.storage import Storages
from archlint.graph.graph import Graph
from archlint.graph.node import Node
from archlint.ops.call import Call
from archlint.ops.kept import Kept
from archlint.ops.registry import Operators
from archlint.ops.undetermined import Undetermined
from archlint.record import record


@record
class NodeSaved:
    """What one node keeps: the storages it refers to, and the bytes of its own.

    `counted` is the part of `storages` that no earlier node keeps already; the rest is as for what
    an operator keeps.
    """

    storages: tuple[str, ...] = ()
    counted: tuple[str, ...] = ()
    own: Amount = Amount()
    transient: int = 0
    forward_transient: int = 0
    stepwise: bool = False
    unknown: tuple[Unknown, ...] = ()


@record(slots=False)
class Saved:
    """The storages that are alive between forward and backward, as autograd keeps them.

    A storage counts once, with the first operator that keeps it. Parameters and buffers cost
    nothing more. The model's own input counts where it is kept; what the loss keeps does not.
    `graph` is the graph of the operators that the framework ran. `more` is the same with all layers
    that the file may hide: the upper end. `copies` is the bytes of weights in another format.
    """

    graph: Graph
    operators: Operators
    gradients: GradientFlow
    storages: Storages
    more: Saved | None = None
    copies: int = 0

    @cached_property
    def of_node(self) -> dict[str, NodeSaved]:
        """What each node keeps, by node name."""
        seen: set[str] = set()
        result = {}
        for node in self.graph.nodes:
            saved = self._keep(node, seen)
            seen.update(saved.storages)
            result[node.name] = saved
        return result

    @cached_property
    def total(self) -> Amount:
        """Bytes kept by the whole graph."""
        own = total(self.bytes_of(node.name) for node in self.graph.nodes).plus(self.copies)
        if self.more is None:
            return own
        return Amount(own.low, max(own.high, self.more.total.high), own.unknown)

    def bytes_of(self, node: str) -> Amount:
        """Return the bytes that a node is the first to keep; none for a part of a composite."""
        saved = self.of_node.get(node)
        if saved is None:
            return Amount()
        shared = sum(self.storages.nbytes(storage) for storage in saved.counted)
        return Amount(saved.own.low + shared, saved.own.high + shared, saved.unknown)

    def _keep(self, node: Node, seen: set[str]) -> NodeSaved:
        operator = self.operators.of(node)
        if operator is None and self.gradients.enters(node):
            reason = "what is kept inside it for the backward pass is not followed"
            return NodeSaved(unknown=(Unknown(node.name, node.op, reason),))
        flags = self.gradients.of(node)
        if not flags.needed:
            return NodeSaved()
        if operator is None:
            return NodeSaved(unknown=(Unknown(node.name, node.op, "the operator is not known"),))
        if not operator.differentiable:
            return NodeSaved()
        strides = tuple(self.storages.strides(name) if name else None for name in node.inputs)
        try:
            kept = operator.kept(Call(node, self.graph), replace(flags, strides=strides))
            storages = self._storages(node, kept)
            new = tuple(storage for storage in storages if storage not in seen)
            for storage in new:
                self.storages.nbytes(storage)
        except Undetermined as reason:
            return NodeSaved(unknown=(Unknown(node.name, node.op, str(reason)),))
        high = kept.own if kept.own_high is None else kept.own_high
        return NodeSaved(
            storages,
            new,
            Amount(kept.own, high),
            kept.transient,
            kept.forward_transient,
            kept.stepwise,
        )

    def _storages(self, node: Node, kept: Kept) -> tuple[str, ...]:
        names = [node.inputs[slot] for slot in kept.inputs if node.inputs[slot]]
        names += [node.outputs[slot] for slot in kept.outputs]
        kept_storages = (self.storages.of(name) for name in names)
        return tuple(dict.fromkeys(name for name in kept_storages if not self.is_free(name)))

    def is_free(self, storage: str) -> bool:
        """Whether keeping a storage costs nothing: it is in the file, or a number of a formula."""
        if self.gradients.is_stored(storage):
            return True
        is_number = storage in self.graph.constants and self.graph.values[storage].elements == 1
        return is_number and storage not in self.gradients.needed
