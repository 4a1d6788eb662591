"""What is alive at each instant of a forward pass in training."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property

from archlint.analysis.memory.execution import Execution
from archlint.analysis.memory.module_calls import ModuleCalls
from archlint.analysis.memory.saved import Saved
from archlint.analysis.memory.variables import Variables
from archlint.analysis.structure.blocks import Blocks
from archlint.graph.graph import Graph
from archlint.record import record

_FEWEST = 3  # a pair is put together where it is made, without a variable for it


@record(slots=False)
class ForwardWalk:
    """The worst instant of a forward pass: what is kept so far, and what is still to be used.

    The variables of the program may hold a tensor longer than it is used. Where the file does not
    tell them, they do at the `high` end where that is common, until the module returns, as `blocks`
    knows it.
    """

    graph: Graph
    saved: Saved
    high: bool = False
    blocks: Blocks | None = None

    @cached_property
    def peak(self) -> int:
        """The most bytes of activations that are alive at once."""
        storages, last = self.saved.storages, self._last_uses
        until: dict[int, list[str]] = {}
        for storage, index in last.items():
            until.setdefault(index, []).append(storage)
        alive = {storages.of(name): self._bytes(name) for name in self.graph.inputs}
        living = sum(alive.values())
        own = most = 0
        for index, node in enumerate(self.graph.nodes):
            kept = self.saved.held[node.name].own
            own += kept.high if self.high else kept.low
            for name in self.saved.made(node):
                living += self._bytes(name) - alive.get(name, 0)
                alive[name] = self._bytes(name)
            transient = self.saved.of_node[node.name].forward_transient
            most = max(most, own + transient + living)
            unused = (name for name in node.outputs if name in alive and name not in last)
            for storage in (*until.get(index, ()), *unused):
                living -= alive.pop(storage, 0)
        return most

    @cached_property
    def _last_uses(self) -> dict[str, int]:
        """The index of the last node that needs each storage; past the end for what is kept."""
        storages, end = self.saved.storages, len(self.graph.nodes)
        last: dict[str, int] = {}
        for index, node in enumerate(self.graph.nodes):
            if self.saved.operators.reads_contents(node):
                last.update((storages.of(name), index) for name in node.inputs if name)
        if self.blocks is not None:
            for name, until in self._held_by_calls(self.blocks):
                storage = storages.of(name)
                last[storage] = max(until, last.get(storage, until))
        for name, each in self.saved.held.items():
            if self.high and name in self.saved.perhaps_in_place:
                last[storages.of(self.graph.by_name[name].inputs[0])] = end
            else:
                last.update((storage, end) for storage in each.storages)
        for name in (*self.graph.inputs, *self.graph.outputs, *self.saved.cached):
            last[storages.of(name)] = end
        return last

    def _held_by_calls(self, blocks: Blocks) -> Iterator[tuple[str, int]]:
        """Yield tensors that live until a call returns, with the index of its last node.

        What a module is called with does, and what variables hold; at the high end, what they may
        hold does too.
        """
        execution = Execution(self.graph, blocks.file)
        yield from Variables(execution).held()
        calls, producers = ModuleCalls(self.graph, blocks), self.graph.producers
        operator_of = self.saved.operators.of
        for index, node in enumerate(self.graph.nodes):
            modules = blocks.calls(node.name)
            if not modules:
                continue
            for name in filter(self._is_float, node.inputs):
                maker = producers.get(name)
                outside = () if maker is None else blocks.calls(maker.name)
                called = next((module for module in modules if module not in outside), None)
                if maker is not None and called is not None:
                    yield name, calls.end(called, index)
            guesses = self.high and not execution.stack(node)
            operator = operator_of(node) if guesses else None
            if operator is not None and operator.in_variables and len(node.inputs) >= _FEWEST:
                until = calls.end(modules[-1], index)
                names = (*node.inputs, *node.outputs)
                yield from ((name, until) for name in filter(self._is_float, names))

    def _is_float(self, name: str) -> bool:
        """Whether a tensor is no index and no size, which exporters compute in other places."""
        dtype = self.graph.values[name].dtype if name else None
        return dtype is not None and dtype.is_float

    def _bytes(self, name: str) -> int:
        return self.saved.storages.known_bytes(name)  # the others: `Saved.unknown`
