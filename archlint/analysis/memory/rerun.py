"""Recomputation of checkpointed parts in the backward pass, and what is alive during it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from functools import cached_property

from msgspec import Struct, field

from archlint.analysis.memory.ledger import Ledger
from archlint.analysis.memory.saved import NodeSaved, Saved
from archlint.analysis.training.checkpointing import Segment
from archlint.graph.node import Node


class Rerun(Struct, dict=True):
    """The checkpointed parts of one backward pass.

    A part is recomputed when the derivative of one of its operators first needs a tensor that was
    not saved. The tensors that its operators save then live until the derivative of each is
    computed, in new storages; the inputs of the part are held from the forward pass on, in `kept`,
    until the derivative of its first operator is computed.
    """

    saved: Saved
    ledger: Ledger
    kept: dict[str, int]
    high: bool
    _again: dict[str, dict[str, int]] = field(default_factory=dict)

    @cached_property
    def _savers(self) -> list[tuple[Segment, list[Node]]]:
        """The parts in which anything is saved, with the operators that save tensors, in order."""
        savers = [
            (segment, [node for node in segment.nodes if self._of(node).keeps])
            for segment in self.saved.segments
        ]
        return [(segment, nodes) for segment, nodes in savers if nodes]

    @cached_property
    def _part_of(self) -> Mapping[str, Segment]:
        """The part of each operator that saves tensors, by its name."""
        return {node.name: segment for segment, nodes in self._savers for node in nodes}

    @cached_property
    def _part_from(self) -> Mapping[str, Segment]:
        """Each part by the name of its first operator that saves tensors."""
        return {nodes[0].name: segment for segment, nodes in self._savers}

    def before(self, node: Node) -> None:
        """Recompute the part of an operator, unless that has been done."""
        segment = self._part_of.get(node.name)
        if segment is not None and node.name not in self._again:
            self._run(segment)

    def kept_by(self, node: Node) -> dict[str, int]:
        """Return the storages that an operator saves, by name."""
        return self._again.get(node.name, self.kept)

    def after(self, node: Node) -> None:
        """Free the inputs of a part after its first operator."""
        segment = self._part_from.get(node.name)
        if segment is not None:
            held = self.saved.held[segment.nodes[0].name]
            self._release(self.kept[storage] for storage in held.storages)

    def _run(self, segment: Segment) -> None:
        """Allocate the storages of a part: each lives until its last reader and saver."""
        keepers = Counter(name for node in segment.nodes for name in self._of(node).storages)
        done = self._done(segment)
        made: dict[str, int] = {}
        for at, node in enumerate(self.saved.run_again(segment)):
            made |= self._allocate(node, keepers)
            self.ledger.mark(self._of(node).forward_transient)
            self._release(made[name] for name in done[at])
        for name in keepers.elements():
            if name not in made:
                self.ledger.hold(self.kept[name])
        kept = self.kept | made
        self._again.update((node.name, kept) for node in segment.nodes)

    def _allocate(self, node: Node, keepers: Counter[str]) -> dict[str, int]:
        """Allocate the outputs of one operator, for its savers and for the recomputation."""
        each, nbytes = self._of(node), self.saved.storages.known_bytes
        made = {
            name: self.ledger.allocate(nbytes(name), keepers[name] + 1)
            for name in self.saved.made(node)
        }
        own = each.own.high if self.high else each.own.low
        if own:
            made[f"own {node.name}"] = self.ledger.allocate(own)
        return made

    def _release(self, storages: Iterable[int]) -> None:
        for storage in storages:
            self.ledger.release(storage)

    def _done(self, segment: Segment) -> tuple[list[str], ...]:
        """Return the storages that the recomputation no longer needs after each operator."""
        storages, nodes = self.saved.storages, self.saved.run_again(segment)
        last: dict[str, int] = {}
        for at, node in enumerate(segment.nodes):
            last.update((storages.of(name), at) for name in node.inputs if name)
        done: tuple[list[str], ...] = tuple([] for _ in nodes)
        for at, node in enumerate(nodes):
            for name in self.saved.made(node):
                end = last.get(name, len(nodes))
                done[min(max(end, at), len(nodes) - 1)].append(name)
        return done

    def _of(self, node: Node) -> NodeSaved:
        return self.saved.of_node[node.name]
