"""Liveness of tensors during the forward pass of training."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from functools import cached_property

from msgspec import Struct

from archlint.analysis.memory.execution import Execution
from archlint.analysis.memory.module_calls import ModuleCalls
from archlint.analysis.memory.possible_names import PossibleNames
from archlint.analysis.memory.saved import Saved
from archlint.analysis.memory.unreached import Passing, Unreached
from archlint.analysis.memory.unrecorded_calls import UnrecordedCalls
from archlint.analysis.memory.variables import Variables
from archlint.analysis.structure.blocks import Blocks
from archlint.graph.graph import Graph

_FEWEST = 3  # concatenating a pair usually happens in one expression, without variables


class ForwardWalk(Struct, frozen=True, dict=True):
    """The peak of a forward pass: tensors saved so far, and tensors with remaining uses.

    Variables of the program may hold a tensor longer than it is used. Where the file does not
    record them, the upper bound assumes so where it is common, until the module returns (`blocks`).
    """

    saved: Saved
    blocks: Blocks

    @property
    def graph(self) -> Graph:
        """The graph of the framework, which autograd sees."""
        return self.saved.graph

    @property
    def peak(self) -> tuple[int, int]:
        """The peak bytes of activations, for both bounds of the saved tensors."""
        low = self._most(high=False)
        return low, self._most(high=True) if self._is_open else low

    @property
    def _is_open(self) -> bool:
        """Whether it is unknown what is saved, or what variables hold."""
        kept = self.saved.held.values()
        is_exact = all(each.own.low == each.own.high for each in kept)
        is_held = bool(self._perhaps_held) or (bool(self._passing) and not self._tells_variables)
        return not is_exact or bool(self.saved.perhaps_in_place) or is_held

    def _most(self, *, high: bool) -> int:
        storages, last = self.saved.storages, self._last_uses(high=high)
        until: dict[int, list[str]] = {}
        for storage, index in last.items():
            until.setdefault(index, []).append(storage)
        alive = {storages.of(name): self._bytes(name) for name in self.graph.inputs}
        living = sum(alive.values())
        own = most = 0
        ending: Counter[int] = Counter()
        for index, node in enumerate(self.graph.nodes):
            kept = self.saved.held[node.name].own
            own += kept.high if high else kept.low
            passing = self._passing.get(node.name)
            if passing is not None:
                own += passing.saved.own.low
                ending[self._ends(passing, high=high)] += passing.saved.own.low
            for name in self.saved.made(node):
                living += self._bytes(name) - alive.get(name, 0)
                alive[name] = self._bytes(name)
            transient = self.saved.of_node[node.name].forward_transient
            most = max(most, own + transient + living)
            unused = (name for name in node.outputs if name in alive and name not in last)
            for storage in (*until.get(index, ()), *unused):
                living -= alive.pop(storage, 0)
            own -= ending[index]
        return most

    def _last_uses(self, *, high: bool) -> dict[str, int]:
        """The index of the last node that needs each storage; past the end for saved ones."""
        storages, end = self.saved.storages, len(self.graph.nodes)
        last = dict(self._last_reads)
        for name, until in self._perhaps_held if high else ():
            storage = storages.of(name)
            last[storage] = max(until, last.get(storage, until))
        for passing in self._passing.values():
            ends = self._ends(passing, high=high)
            last.update((name, max(ends, last.get(name, 0))) for name in passing.saved.storages)
        for name, each in self.saved.held.items():
            if high and name in self.saved.perhaps_in_place:
                last[storages.of(self.graph.by_name[name].inputs[0])] = end
            else:
                last.update((storage, end) for storage in each.storages)
        for name in (*self.graph.inputs, *self.graph.outputs, *self.saved.cached):
            last[storages.of(name)] = end
        return last

    @cached_property
    def _last_reads(self) -> dict[str, int]:
        """The index of the last node that reads or certainly holds each storage."""
        storages = self.saved.storages
        last: dict[str, int] = {}
        for index, node in enumerate(self.graph.nodes):
            if self.saved.operators.reads_contents(node):
                last.update((storages.of(name), index) for name in node.inputs if name)
        for name, until in self._held:
            storage = storages.of(name)
            last[storage] = max(until, last.get(storage, until))
        return last

    def _ends(self, passing: Passing, *, high: bool) -> int:
        """Return the last node during which an unused saved tensor is alive, held by a variable."""
        return len(self.graph.nodes) if high and not self._tells_variables else passing.until

    @property
    def _tells_variables(self) -> bool:
        return self._execution.is_known

    @cached_property
    def _passing(self) -> Mapping[str, Passing]:
        """Tensors that are saved for results without gradient, by node name."""
        nodes = enumerate(self.graph.nodes)
        last = {name: index for index, node in nodes for name in node.inputs}
        for name, until in self._held:
            last[name] = max(until, last.get(name, until))
        return Unreached(self.saved, last).passing

    @cached_property
    def _held(self) -> list[tuple[str, int]]:
        """The tensors that live until a call returns, with the index of its last node.

        These are the arguments of modules, and tensors held by variables.
        """
        return [*Variables(self._execution).held(), *self._called_with(self._calls)]

    def _called_with(self, calls: ModuleCalls) -> Iterator[tuple[str, int]]:
        """Yield the arguments of modules, each with the last node that its module runs."""
        blocks, producers = calls.blocks, self.graph.producers
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

    @cached_property
    def _perhaps_held(self) -> list[tuple[str, int]]:
        """Tensors that variables may hold in addition, where the file does not record them."""
        found: list[tuple[str, int]] = []
        for index, node in enumerate(self.graph.nodes):
            operator = self.saved.operators.of(node)
            is_held = operator is not None and operator.storage.held_by_variables
            if not is_held or len(node.inputs) < _FEWEST:
                continue
            modules = self.blocks.calls(node.name)
            if modules and not self._execution.stack(node):
                until = self._calls.end(modules[-1], index)
                names = filter(self._is_float, (*node.inputs, *node.outputs))
                found += [(name, until) for name in names]
        if self.graph.is_from_pytorch and not self._execution.is_known:
            found += PossibleNames(self.graph, self.saved, self._calls).held()
        unrecorded, producers = UnrecordedCalls(self.graph), self.graph.producers
        if self._tells_variables and unrecorded:
            calls = ModuleCalls(self.graph, unrecorded)
            named = PossibleNames(self.graph, self.saved, calls).held()
            inside = (each for each in named if unrecorded.calls(producers[each[0]].name))
            found += [*self._called_with(calls), *inside]
        return found

    @cached_property
    def _execution(self) -> Execution:
        return Execution(self.graph, self.blocks.file)

    @cached_property
    def _calls(self) -> ModuleCalls:
        return ModuleCalls(self.graph, self.blocks)

    def _is_float(self, name: str) -> bool:
        """Whether a tensor is neither an index nor a size, which exporters compute elsewhere."""
        dtype = self.graph.values[name].dtype if name else None
        return dtype is not None and dtype.is_float

    def _bytes(self, name: str) -> int:
        return self.saved.storages.known_bytes(name)  # the others: `Saved.unknown`
