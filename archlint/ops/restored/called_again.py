"""Operators that the TorchScript exporter left out of the later calls of a module.

The exporter writes equal expressions once. A decoder that is called for each step, and attends to
the same memory in all of them, computes its keys in every call, and in the file only in the first.
The sign is in the names (`call_numbers`): `/decoder_1/MatMul` reads from `/decoder/key/MatMul` what
`/decoder/MatMul` reads as well, and the weight of the key is used less often than the decoder is
called. The later call gets the operators that it lacks, `/decoder/key/MatMul#/decoder_1`.

Calls are left alone where no weight is used less often than the module is called, since nothing is
missing then, and where something random is on the way. Files of torch.export record their calls
(`merged_calls`).
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property, partial
from typing import TypeAlias

from msgspec import Struct, field
from msgspec.structs import replace

from archlint.graph.graph import Graph
from archlint.graph.node import Node
from archlint.graph.program.call_numbers import CallNumbers
from archlint.graph.program.modules import Path, module_calls
from archlint.graph.program.signature import signature
from archlint.ops.restored.own_operators import OwnOperators
from archlint.ops.restored.repeated_calls import RANDOM
from archlint.ops.restored.weighted_products import WeightedProducts

_Place: TypeAlias = tuple[str, str, tuple[int, ...]]


def with_whole_calls(graph: Graph) -> Graph:
    """Return `graph` with all operators of each call of a module that is called several times."""
    if not graph.is_from_pytorch or signature(graph) is not None:
        return graph
    numbers = CallNumbers(graph)
    return _Merged(graph, numbers, WeightedProducts(graph)).whole() if numbers.repeat else graph


class _Gap(Struct, frozen=True):
    """A tensor that call `number` of a module reads, and that call `source` of it made."""

    user: Node
    tensor: str
    module: str
    source: int
    number: int


class _Merged(Struct, eq=False, dict=True):
    graph: Graph
    numbers: CallNumbers
    products: WeightedProducts
    _known: dict[tuple[str, str], dict[_Place, int]] = field(default_factory=dict)

    def whole(self) -> Graph:
        """Return the graph with all operators of each call."""
        own = OwnOperators(self.graph)
        for gap in sorted(self._gaps(), key=lambda each: self._order[each.user.name]):
            call = self._call(gap)
            if self._is_left_out(call, gap.module):
                tag = f"{gap.module}_{gap.number}"
                own.give(gap.user, gap.tensor, call, tag, partial(self._calls, gap.number))
        return own.edited()

    def _gaps(self) -> Iterator[_Gap]:
        """Yield what a call reads that an earlier call of the same module made for itself."""
        for tensor, users in self.graph.consumers.items():
            maker = self.graph.producers.get(tensor)
            is_alike = len({user.op for user in users}) < len(users)
            if maker is None or not is_alike or tensor not in self.products.computed:
                continue
            for user in users:
                for module in self._around(maker, user):
                    gap = self._gap(tensor, maker, user, module)
                    if gap is not None:
                        yield gap
                        break

    def _around(self, maker: Node, user: Node) -> Iterator[str]:
        """Yield the modules that ran both of two nodes, the innermost first."""
        module, inner = self.numbers.module(maker), self.numbers.module(user)
        while module:
            if f"{inner}/".startswith(f"{module}/"):
                yield module
            module = module.rpartition("/")[0]

    def _gap(self, tensor: str, maker: Node, user: Node, module: str) -> _Gap | None:
        """Return the gap where a node reads for one call of a module what another one made."""
        number = self.numbers.number(user, module)
        if not number:
            return None
        source = self._first_calls(tensor, module).get(self._place(user, tensor), number)
        if source == number or not self._is_made_in(source, module, maker):
            return None
        return _Gap(user, tensor, module, source, number)

    def _place(self, user: Node, tensor: str) -> _Place:
        """Return by which operator, in which module and in which slots a node reads a tensor."""
        slots = tuple(slot for slot, name in enumerate(user.inputs) if name == tensor)
        return user.op, self.numbers.module(user), slots

    def _first_calls(self, tensor: str, module: str) -> dict[_Place, int]:
        """Return the first call of a module that reads a tensor, by the place in which it does."""
        if (tensor, module) not in self._known:
            first = self._known[tensor, module] = {}
            for user in self.graph.consumers[tensor]:
                number = self.numbers.number(user, module)
                if number is not None:
                    place = self._place(user, tensor)
                    first[place] = min(number, first.get(place, number))
        return self._known[tensor, module]

    def _is_made_in(self, source: int, module: str, maker: Node) -> bool:
        """Whether a node is part of a call of a module around it: it runs after those before."""
        made = self.numbers.number(maker, module)
        if made is not None or source == 0:
            return made in {None, source}
        return self._order[maker.name] > self._last.get((module, source - 1), -1)

    @cached_property
    def _last(self) -> dict[tuple[str, int], int]:
        """The index of the last node that a call of a module is known to have run itself."""
        places = ((node, self.numbers.module(node)) for node in self.graph.nodes)
        return {
            (module, number): index
            for index, (node, module) in enumerate(places)
            if (number := self.numbers.number(node, module)) is not None
        }

    def _call(self, gap: _Gap) -> tuple[Node, ...]:
        """Return the nodes of a call that make a tensor; none where something random is there."""
        found: dict[str, Node] = {}
        waiting = [self.graph.producers[gap.tensor]]
        while waiting:
            node = waiting.pop()
            if node.name in found:
                continue
            if node.op in RANDOM:
                return ()
            found[node.name] = node
            makers = (self.graph.producers.get(name) for name in node.inputs)
            waiting += [each for each in makers if each is not None and self._is_in(each, gap)]
        return tuple(sorted(found.values(), key=lambda each: self._order[each.name]))

    def _is_in(self, node: Node, gap: _Gap) -> bool:
        """Whether a node computes with data in the call that a gap is filled from."""
        if not f"{self.numbers.module(node)}/".startswith(f"{gap.module}/"):
            return False
        is_computed = any(name in self.products.computed for name in node.outputs)
        return is_computed and self.numbers.number(node, gap.module) in {None, gap.source}

    def _is_left_out(self, call: tuple[Node, ...], module: str) -> bool:
        """Whether some weight of a call is used less often than the module was called."""
        times = self.numbers.times(module) or 0
        return any(uses < times for node in call for uses in self.products.uses(node))

    def _calls(self, number: int, node: Node) -> tuple[Path, ...]:
        """Return the calls that a node is part of where its module runs with that number."""
        way, _, name = node.name.rpartition("/")
        module = self.numbers.module(node) or way
        return module_calls(replace(node, name=f"{module}_{number}/{name}"))

    @cached_property
    def _order(self) -> dict[str, int]:
        return {node.name: index for index, node in enumerate(self.graph.nodes)}
