"""The numbers that torch.export gives to calls of one name, which tell what calls are gone."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from itertools import accumulate

from msgspec import Struct

from archlint.graph.graph import Graph
from archlint.graph.node import Node
from archlint.graph.program.calls import ExportedCall, exported_calls
from archlint.graph.program.origin import folded_names
from archlint.graph.program.signature import signature

_NUMBERED = re.compile(r"(?P<base>.+?)(?:_(?P<number>\d{1,9}))?$")
ELEMENT = "getitem"
"""The name of calls that select one of several results, which have no node in the file."""

_MANY = 10**9
_PART = re.compile(r"_split_\d+$")  # what the exporter calls a part that a tensor is split into


class CallName(Struct, frozen=True):
    """The name of a call: that of its operator, and a number unless it is the first of them."""

    base: str
    number: int

    @classmethod
    def of(cls, name: str) -> CallName:
        """Return the parts of a name such as `linear_3`."""
        found = _NUMBERED.match(name)
        return cls(found["base"], int(found["number"] or 0)) if found else cls(name, 0)

    def __str__(self) -> str:
        """Return the name as the exporter writes it."""
        return f"{self.base}_{self.number}" if self.number else self.base


class NumberedCall(Struct, frozen=True):
    """A call of the file: its name, its nodes, and where the first of them stands."""

    name: CallName
    nodes: tuple[Node, ...]
    place: int
    call: ExportedCall | None = None


class Numbering(Struct, frozen=True, dict=True):
    """The calls of a file in their order.

    Calls of one name are numbered in the order of the program. A number that is missing below the
    largest one in the file is `gone`: an optimizer removed the call, or merged it with another one.
    `fused` are nodes that stand for several calls, as a convolution with its batch norm: tensors
    between these calls are not gone.
    """

    graph: Graph
    fused: frozenset[str] = frozenset()

    @cached_property
    def calls(self) -> tuple[NumberedCall, ...]:
        """The calls in the order of the file; a node without a record is named after its output."""
        places = {node.name: place for place, node in enumerate(self.graph.nodes)}
        found = [
            NumberedCall(CallName.of(call.name), call.nodes, places[call.nodes[0].name], call)
            for call in exported_calls(self.graph)
        ]
        told = {node.name for each in found for node in each.nodes}
        found += [
            NumberedCall(CallName.of(_PART.sub("", node.output)), (node,), places[node.name])
            for node in self.graph.nodes
            if node.name not in told and node.output
        ]
        return tuple(sorted(found, key=lambda each: each.place))

    @cached_property
    def of_node(self) -> Mapping[str, NumberedCall]:
        """The call of each node by the name of the node."""
        return {node.name: call for call in self.calls for node in call.nodes}

    @cached_property
    def gone(self) -> Mapping[str, list[int]]:
        """The numbers that are gone, by the name of the operator; folded calls do not count.

        Numbers above the largest one that the file mentions are not known.
        """
        there = dict[str, set[int]]()
        for call in self.calls:
            there.setdefault(call.name.base, set()).add(call.name.number)
        named = {base: max(numbers) for base, numbers in there.items()}
        for call in self.calls:
            for name in map(CallName.of, () if call.call is None else call.call.tensors):
                if name.base == ELEMENT:
                    there.setdefault(ELEMENT, set()).add(name.number)
                if name.base in named or name.base == ELEMENT:
                    named[name.base] = max(named.get(name.base, 0), name.number)
        named_elsewhere = (*folded_names(self.graph), *self._inside, *self._outputs)
        for name in map(CallName.of, named_elsewhere):
            there.setdefault(name.base, set()).add(name.number)
        return {
            base: [number for number in range(last + 1) if number not in there[base]]
            for base, last in named.items()
            if len(there[base]) <= last
        }

    @property
    def _outputs(self) -> tuple[str, ...]:
        """The outputs of the program, updated buffers and counters of batches included."""
        named = signature(self.graph)
        return () if named is None else named.outputs

    @property
    def _inside(self) -> Iterator[str]:
        """The tensors that only exist inside fused nodes."""
        for each in self.calls:
            if each.call is not None and each.nodes[0].name in self.fused:
                yield from each.call.tensors

    def is_last(self, base: str, place: int) -> bool:
        """Whether all calls of a name in the file come before `place`."""
        _, places = self._places.get(base, ((), ()))
        return all(each < place for each in places[-1:])

    def has_gone(self, base: str, place: int) -> bool:
        """Whether a call of a name may be gone that came before the node at `place`."""
        if self.is_last(base, place):
            return True
        names = (CallName(base, number) for number in self.gone.get(base, ()))
        return any(self.place_before(name) < place for name in names)

    def users(self, name: CallName) -> int:
        """Return how many calls of the program take the result of one; many if that is unknown."""
        return self._users.get(name, _MANY)

    @cached_property
    def other_users(self) -> Mapping[CallName, int]:
        """How many calls that take the result of one are in the program and not in the file."""
        return {name: count - self._users_there[str(name)] for name, count in self._users.items()}

    @cached_property
    def _users(self) -> Mapping[CallName, int]:
        told = ((call.name, call.call) for call in self.calls if call.call is not None)
        return {name: call.users for name, call in told if call.users is not None}

    @cached_property
    def _users_there(self) -> Counter[str]:
        there = Counter(set(self._outputs))
        for call in self.calls:
            there.update(call.call.takes if call.call is not None else set(call.nodes[0].inputs))
        return there

    def place_before(self, name: CallName) -> int:
        """Return the place of the last call before one of the same name, -1 for none."""
        numbers, places = self._places.get(name.base, ((), ()))
        index = bisect_left(numbers, name.number)
        return places[index - 1] if index else -1

    @cached_property
    def _places(self) -> Mapping[str, tuple[tuple[int, ...], tuple[int, ...]]]:
        """The numbers of each name in order, and the last place up to each of their calls."""
        found: dict[str, list[tuple[int, int]]] = {}
        for call in self.calls:
            found.setdefault(call.name.base, []).append((call.name.number, call.place))
            for name in map(CallName.of, () if call.call is None else call.call.tensors):
                if name.base == ELEMENT:
                    found.setdefault(ELEMENT, []).append((name.number, call.place))
        return {base: _in_order(pairs) for base, pairs in found.items()}


def _in_order(pairs: Iterable[tuple[int, int]]) -> tuple[tuple[int, ...], tuple[int, ...]]:
    numbers, places = zip(*sorted(pairs), strict=True)
    return numbers, tuple(accumulate(places, max))
