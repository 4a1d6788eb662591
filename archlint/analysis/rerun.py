"""Checkpointed parts that the backward pass runs again, and what is alive meanwhile."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from archlint.analysis.checkpointing import Segment
from archlint.analysis.ledger import Ledger
from archlint.analysis.saved import NodeSaved, Saved
from archlint.graph.node import Node


@dataclass(slots=True)
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
        keepers = Counter(name for node in segment.nodes for name in self._of(node).storages)
        uses = self._last_uses(segment)
        made: dict[str, int] = {}
        running: set[str] = set()  # what the part itself still holds
        for at, node in enumerate(self.saved.run_again(segment)):
            each = self._of(node)
            own = each.own.high if self.high else each.own.low
            for name in filter(self._is_made, node.outputs):
                nbytes = self.saved.storages.known_bytes(name)
                made[name] = self.ledger.allocate(nbytes, keepers[name] + 1)
                running.add(name)
            if own:
                made[f"own {node.name}"] = self.ledger.allocate(own)
            self.ledger.mark(each.forward_transient)
            done = {name for name in running if uses.get(name, len(segment.nodes)) <= at}
            self._release(made[name] for name in done)
            running -= done
        self._release(made[name] for name in running)
        outside = (name for name in keepers.elements() if name not in made)
        for storage in outside:
            self.ledger.hold(self.kept[storage])
        kept = self.kept | made
        self._again.update((node.name, kept) for node in segment.nodes)

    def _is_made(self, name: str) -> bool:
        return bool(name) and self.saved.storages.of(name) == name and not self.saved.is_free(name)

    def _release(self, storages: Iterable[int]) -> None:
        for storage in storages:
            self.ledger.release(storage)

    def _last_uses(self, segment: Segment) -> dict[str, int]:
        """Return the place of the last operator of a part that reads each storage."""
        storages = self.saved.storages
        return {
            storages.of(name): at
            for at, node in enumerate(segment.nodes)
            for name in node.inputs
            if name
        }

    def _of(self, node: Node) -> NodeSaved:
        return self.saved.of_node[node.name]
