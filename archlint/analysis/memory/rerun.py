"""Recomputation of checkpointed parts in the backward pass, and what is alive during it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import field

from archlint.analysis.memory.ledger import Ledger
from archlint.analysis.memory.saved import NodeSaved, Saved
from archlint.analysis.training.checkpointing import Segment
from archlint.graph.node import Node
from archlint.record import record


@record(frozen=False)
class Rerun:
    """The checkpointed parts of one backward pass.

    A part is run again when an operator in it first needs what it did not keep. What its operators
    keep then lives until each of them is done, in storages of their own; what they read from
    outside is held from the forward pass on, in `kept`, until the last of them is done.
    """

    saved: Saved
    ledger: Ledger
    kept: dict[str, int]
    high: bool
    _again: dict[str, dict[str, int]] = field(default_factory=dict)
    _segments: dict[str, Segment] = field(default_factory=dict)
    _firsts: dict[str, Segment] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Note which part each operator that keeps something is in, and the first of each part."""
        for segment in self.saved.segments:
            keepers = [node for node in segment.nodes if self._of(node).keeps]
            self._segments.update((node.name, segment) for node in keepers)
            if keepers:
                self._firsts[keepers[0].name] = segment

    def before(self, node: Node) -> None:
        """Run the part again that an operator is in, unless that has been done."""
        segment = self._segments.get(node.name)
        if segment is not None and node.name not in self._again:
            self._run(segment)

    def kept_by(self, node: Node) -> dict[str, int]:
        """Return the storages that an operator keeps by their names."""
        return self._again.get(node.name, self.kept)

    def after(self, node: Node) -> None:
        """Let go of what a part read, once its first operator is done."""
        segment = self._firsts.get(node.name)
        if segment is not None:
            held = self.saved.held[segment.nodes[0].name]
            self._release(self.kept[storage] for storage in held.storages)

    def _run(self, segment: Segment) -> None:
        """Allocate what a part makes: each storage lives for its keepers, and until it is read."""
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
        """Allocate what one operator makes, for those that keep it and for the run itself."""
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
        """Return what the run itself needs no more after each of its operators."""
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
