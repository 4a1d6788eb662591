"""Liveness of tensors during the backward pass."""

from __future__ import annotations

from collections import Counter
from functools import cached_property

from msgspec import Struct, field

from archlint.analysis.memory.derivatives import Derivatives
from archlint.analysis.memory.gradient import Gradient
from archlint.analysis.memory.ledger import Ledger
from archlint.analysis.memory.loss import Loss
from archlint.analysis.memory.rerun import Rerun
from archlint.analysis.memory.saved import NodeSaved, Saved
from archlint.analysis.memory.weights import WeightMemory
from archlint.graph.graph import Graph
from archlint.graph.node import Node
from archlint.ops.strides import contiguous


class BackwardWalk(Struct, dict=True):
    """One backward pass as the autograd engine runs it, in the reverse order of the operators.

    While an operator's derivative is computed, the following are alive: the saved tensors of it and
    of all earlier operators, the gradients of its outputs, the gradients of its inputs as they are
    computed, and gradients that wait for other operators or belong to parameters. Then the tensors
    that only it saved are freed. A second gradient for the same tensor is added to the first in a
    new tensor: where the engine can accumulate in place, it needs less.
    """

    saved: Saved
    weights: WeightMemory
    loss: Loss
    ledger: Ledger
    high: bool
    _kept: dict[str, int] = field(default_factory=dict)
    _waiting: dict[str, Gradient] = field(default_factory=dict)
    _of_parameters: dict[str, Gradient] = field(default_factory=dict)
    _arrived: Counter[str] = field(default_factory=Counter)

    @cached_property
    def graph(self) -> Graph:
        """The graph of the operators that the framework ran."""
        return self.saved.graph

    @cached_property
    def _derivatives(self) -> Derivatives:
        return Derivatives(self.saved, self.ledger)

    @cached_property
    def _rerun(self) -> Rerun:
        return Rerun(self.saved, self.ledger, self._kept, self.high)

    def run(self) -> None:
        """Run from the loss to the first operator; the ledger then holds the remaining bytes."""
        self._begin()
        for node in reversed(self.graph.nodes):
            self._visit(node)

    def keep(self) -> None:
        """Allocate what is alive at the end of the forward pass, besides weights and states."""
        holders: dict[str, int] = {}
        for each in self.saved.held.values():
            for storage in each.storages:
                holders[storage] = holders.get(storage, 0) + 1
        storages = self.saved.storages
        for name in (*self.graph.inputs, *self.graph.outputs):
            storage = storages.of(name)
            if not self.saved.is_free(storage):
                holders[storage] = holders.get(storage, 0) + 1
        for storage, count in holders.items():
            self._kept[storage] = self.ledger.allocate(self._bytes(storage), count)
        for name, each in self.saved.held.items():
            if self._own(each):
                self._kept[f"own {name}"] = self.ledger.allocate(self._own(each))
        self.ledger.allocate(self.loss.nbytes)
        self._kept["loss"] = self.ledger.allocate(self.loss.kept_bytes)
        cached = {storages.of(name) for name in self.saved.cached} - self._kept.keys()
        self.ledger.mark(sum(map(self._bytes, cached)) + self.loss.forward_transient)

    def _begin(self) -> None:
        """Allocate the gradients of the outputs, then free what the loss saved."""
        for name, nbytes in zip(self.graph.outputs, self.loss.gradients, strict=False):
            shape = self.graph.values[name].sizes
            if nbytes and shape is not None and name in self.saved.gradients.needed:
                whole = nbytes == self._bytes(name)
                strides = contiguous(shape) if whole else (0,) * len(shape)
                self._wait(name, Gradient(self.ledger.allocate(nbytes), shape, strides, not whole))
        self.ledger.mark(self.loss.transient)
        self.ledger.release(self._kept["loss"])

    def _visit(self, node: Node) -> None:
        arrived = [self._waiting.pop(name, None) for name in node.outputs]
        present = [gradient for gradient in arrived if gradient is not None]
        flags = self.saved.gradients.of(node)
        if not present or not flags.needed:
            for gradient in present:
                self.ledger.release(gradient.storage)
            return
        each = self.saved.of_node[node.name]
        self._rerun.before(node)
        if each.transient_after is not None:
            self.ledger.mark(each.transient)
            self._forget(node, each)
        present[0] = self._derivatives.taken(node, present[0])
        made, transient = self._derivatives.of(node, present[0])
        if each.transient_after is None:
            laid_out = self._laid_out(each, present[0])
            self.ledger.mark(transient + each.transient + laid_out)
            self._forget(node, each)
        else:
            self.ledger.mark(transient + each.transient_after)
        for gradient in present:
            self.ledger.release(gradient.storage)
        for name, gradient in made:
            self._wait(name, gradient)

    def _laid_out(self, each: NodeSaved, gradient: Gradient) -> int:
        """Return the gradient after differentiating through a view that was modified in place.

        The gradient of the view's base is allocated with the base's strides, then copied, and the
        modified part is copied once more for the derivative. The incoming gradient is freed before,
        if nothing else needs it.
        """
        rewritten = each.rewritten.high if self.high else each.rewritten.low
        return rewritten * (2 + (self.ledger.holders(gradient.storage) > 1))

    def _wait(self, name: str, gradient: Gradient) -> None:
        """Keep a gradient for the producer of its tensor, or accumulate it in a parameter's."""
        roots = self._roots(name)
        if not roots:
            self._accumulate(name, gradient, self._waiting)
            return
        shared = self.ledger.holders(gradient.storage) > 1 or gradient.is_view
        if shared:  # a parameter has a gradient of its own
            copies = [(root, self._derivatives.new(root)) for root in roots]
            self.ledger.mark()
            self.ledger.release(gradient.storage)
        elif len(roots) > 1:  # the exporter put parameters together that the framework has not
            self.ledger.release(gradient.storage)
            copies = [(root, self._derivatives.new(root)) for root in roots]
        else:
            copies = [(roots[0], gradient)]
        for root, copied in copies:
            self._accumulate(root, copied, self._of_parameters)
            if self.weights.gradients_leave:
                self._leave(root)

    def _leave(self, root: str) -> None:
        """Free a parameter's gradient after its last contribution, except for what stays."""
        self._arrived[root] += 1
        if self._arrived[root] == self._uses[root]:
            self.ledger.mark()
            self.ledger.release(self._of_parameters.pop(root).storage)
            if not self.weights.gradients_persist:
                entry = self.weights.parameters.trainable.get(root)
                self.ledger.allocate(0 if entry is None else self.weights.gradient(entry))

    @cached_property
    def _uses(self) -> Counter[str]:
        """How many gradients arrive for each parameter: one for each use of it in a computation."""
        return Counter(
            root
            for node in self.graph.nodes
            # Reading a shape needs no gradient, and deriving another form of a weight is not a use.
            if not self.saved.gradients.needed.isdisjoint(node.outputs)
            and not any(map(self._roots, node.outputs))
            for slot, name in enumerate(node.inputs)
            if self.saved.gradients.of(node)[slot]
            for root in self._roots(name)
        )

    def _roots(self, name: str) -> tuple[str, ...]:
        """Return the parameters of a tensor that no operator of the framework computed."""
        root = self.weights.parameters.origins.get(name)
        if root is not None:
            return (root,)
        if name in self.graph.producers:
            return ()
        return self.weights.parameters.lineage.made_of.get(name, ())

    def _accumulate(self, name: str, gradient: Gradient, into: dict[str, Gradient]) -> None:
        """Accumulate a gradient with others of the same tensor."""
        waiting = into.get(name)
        if waiting is None:
            into[name] = gradient
            return
        total = self._derivatives.new(name)
        self.ledger.mark()
        self.ledger.release(waiting.storage)
        self.ledger.release(gradient.storage)
        into[name] = total

    def _forget(self, node: Node, each: NodeSaved) -> None:
        """Free the tensors that only this operator saved."""
        kept = self._rerun.kept_by(node)
        for storage in each.storages:
            self.ledger.release(kept[storage])
        if self._own(each):
            self.ledger.release(kept[f"own {node.name}"])
        self._rerun.after(node)

    def _own(self, each: NodeSaved) -> int:
        return each.own.high if self.high else each.own.low

    def _bytes(self, name: str) -> int:
        return self.saved.storages.known_bytes(name)  # the others: `Saved.unknown`
