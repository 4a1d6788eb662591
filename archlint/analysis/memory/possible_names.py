"""What the program may have a variable for, where its file has no lines of it."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from functools import cached_property
from itertools import takewhile

from msgspec import Struct

from archlint.analysis.memory.module_calls import ModuleCalls
from archlint.analysis.memory.saved import Saved
from archlint.graph.graph import Graph
from archlint.graph.program.modules import Path


class PossibleNames(Struct, frozen=True, dict=True):
    """The tensors that are not only passed on to what follows, as the graph alone tells.

    One that several operators read, or that waits while others run, may have a name in the function
    of the innermost module around all its readers, and then lives until that module returns. What
    comes from outside is an argument there.
    """

    graph: Graph
    saved: Saved
    calls: ModuleCalls

    def held(self) -> Iterator[tuple[str, int]]:
        """Yield storages, with the index of the last node that runs while a name may hold each."""
        blocks, nodes = self.calls.blocks, self.graph.nodes
        for storage, readers in self._readers.items():
            maker = self.graph.producers.get(storage)
            if maker is None or (len(readers) == 1 and not self._waits(storage, readers[0])):
                continue
            module = _around(blocks.calls(nodes[index].name) for index in readers)
            if not module:
                yield storage, len(nodes) - 1
            elif module in blocks.calls(maker.name):
                yield storage, self.calls.end(module, readers[-1])

    @cached_property
    def _readers(self) -> dict[str, list[int]]:
        """The indices of the nodes that compute with each storage, views of it aside."""
        of = self.saved.storages.of
        readers: dict[str, list[int]] = {}
        for index, node in enumerate(self.graph.nodes):
            if self.saved.operators.reads_contents(node):
                read = {of(name) for name in node.inputs if self._is_float(name)}
                for storage in read - {of(name) for name in node.outputs if name}:
                    readers.setdefault(storage, []).append(index)
        return readers

    def _waits(self, storage: str, reader: int) -> bool:
        """Whether something else is made after a tensor, before it is read."""
        made = self._making
        return bisect_left(made, reader) > bisect_right(made, self._made_at[storage])

    @cached_property
    def _made_at(self) -> dict[str, int]:
        """The index of the node that makes each tensor."""
        nodes = enumerate(self.graph.nodes)
        return {name: index for index, node in nodes for name in node.outputs}

    @cached_property
    def _making(self) -> list[int]:
        """The indices of the nodes that make a tensor of numbers with a storage of its own."""
        nodes = enumerate(self.graph.nodes)
        return [at for at, node in nodes if any(map(self._is_float, self.saved.made(node)))]

    def _is_float(self, name: str) -> bool:
        dtype = self.graph.values[name].dtype if name else None
        return dtype is not None and dtype.is_float


def _around(calls: Iterable[tuple[Path, ...]]) -> Path:
    """Return the innermost module whose calls are in all of several; () for the network itself."""
    around = takewhile(lambda each: len(set(each)) == 1, zip(*calls, strict=False))
    return next((each[0] for each in reversed([*around])), ())
