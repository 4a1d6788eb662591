"""Products that the TorchScript exporter may have merged with equal ones.

The exporter writes equal expressions once, so that a product which a program repeats may be in the
file a single time. Two places raise the doubt, and leave it open whether the program kept the
result in a variable:

* in a loop, something that all rounds read alike is made in the middle of the first round, behind a
  product that every round repeats;
* a module reads, in the same place as one that is built alike, what was made inside of that one:
  `/value/head/MatMul` reads from `/policy/trunk/MatMul` as `/policy/head/MatMul` does, if both own
  one trunk.

As the lower bound, such a product is only marked (`MAY_REPEAT`); as the upper bound, each reader
gets one of its own. There is no doubt where another node uses the same weight, since the program
then repeats it for something else, where something random is on the way, and where the module of
the product is one of several of its name but for a number.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import cached_property, partial
from itertools import takewhile

from msgspec import Struct

from archlint.graph.graph import Graph
from archlint.graph.node import Node
from archlint.graph.program.call_numbers import CallNumbers
from archlint.graph.program.modules import Path, module_calls
from archlint.graph.program.signature import signature
from archlint.ops.restored.own_operators import OwnOperators
from archlint.ops.restored.repeated_calls import RANDOM
from archlint.ops.restored.twins import MAY_REPEAT
from archlint.ops.restored.weighted_products import WeightedProducts

_ENTRY = re.compile(r"(?<=\.)[0-9]+(?=/|$)")
_MOST_READERS = 64  # heads that own one trunk are few
_DIGITS = re.compile("[0-9]+")


def with_doubts(graph: Graph, *, most: bool) -> Graph:
    """Return `graph` with marks at products that the program may have run more often.

    With `most`, they are run as often as they may have been.
    """
    if not graph.is_from_pytorch or signature(graph) is not None:
        return graph
    return _Doubts(graph, CallNumbers(graph), WeightedProducts(graph)).shown(most=most)


class _Doubt(Struct, frozen=True):
    """A tensor that nodes may each have made for themselves, by operators like `made_by`."""

    tensor: str
    made_by: tuple[Node, ...]
    readers: tuple[Node, ...]


class _Doubts(Struct, frozen=True, dict=True):
    graph: Graph
    numbers: CallNumbers
    products: WeightedProducts

    def shown(self, *, most: bool) -> Graph:
        own, more = OwnOperators(self.graph), Counter[str]()
        readers = [(each, reader) for each in self._found() for reader in each.readers]
        for doubt, reader in sorted(readers, key=lambda each: self._order[each[1].name]):
            if most:
                calls = partial(_calls, reader)
                own.give(reader, doubt.tensor, doubt.made_by, f"of {reader.name}", calls)
            else:
                products = filter(self.products.uses, doubt.made_by)
                more |= Counter({node.name: len(doubt.readers) for node in products})
        for name, times in more.items():
            own.set_attributes(self.graph.by_name[name], {MAY_REPEAT: times})
        return own.edited()

    def _found(self) -> Iterator[_Doubt]:
        for tensor, users in self.graph.consumers.items():
            maker = self.graph.producers.get(tensor)
            is_alike = len({user.op for user in users}) < len(users)
            if maker is None or not is_alike or tensor not in self.products.computed:
                continue
            for readers in self._alike(tensor, users):
                made_by = self._in_round(maker, readers)
                if made_by:
                    yield _Doubt(tensor, made_by, tuple(readers[1:]))
            for module, readers in self._in_siblings(tensor, maker, users).items():
                made_by = self._made(maker, -1, module)
                if made_by:
                    yield _Doubt(tensor, made_by, tuple(readers))

    def _alike(self, tensor: str, users: Sequence[Node]) -> Iterator[list[Node]]:
        """Yield users that read a tensor in the same slots of the same operator and place."""
        groups: dict[tuple[object, ...], list[Node]] = {}
        for user in sorted(users, key=lambda each: self._order[each.name]):
            groups.setdefault((*self._place(user), *_slots(user, tensor)), []).append(user)
        yield from (group for group in groups.values() if len(group) > 1)

    def _in_siblings(
        self, tensor: str, maker: Node, users: Sequence[Node]
    ) -> dict[str, list[Node]]:
        """Return the users in modules beside one around the maker, by the name of that one.

        They read the tensor where a user in that module does.
        """
        made, found = self.numbers.module(maker).split("/"), dict[str, list[Node]]()
        if len(users) > _MOST_READERS:
            return found
        ways = [(each, self.numbers.module(each).split("/")) for each in users]
        for user, there in ways:
            for own, here in ways:
                apart = _apart(here, there)
                is_inside = apart and here[: apart + 1] == made[: apart + 1]
                if apart is None or not is_inside or own.op != user.op:
                    continue
                is_deep = len(here) > apart + 1 or _name(own) == _name(user)
                if is_deep and _slots(own, tensor) == _slots(user, tensor):
                    readers = found.setdefault("/".join(here[: apart + 1]), [])
                    readers += [user] * (user not in readers)
        return found

    def _place(self, node: Node) -> tuple[str, str]:
        """Return the operator and the module of a node, with all entries of a list the same."""
        return node.op, _ENTRY.sub("#", self.numbers.module(node))

    def _in_round(self, maker: Node, readers: Sequence[Node]) -> tuple[Node, ...]:
        """Return what makes a tensor in the first round of a loop that `readers` are part of."""
        first, second = (self._order[each.name] for each in readers[:2])
        start, end = bisect_right(self._weighted, first), bisect_left(self._weighted, second)
        between = self._weighted[start:end]
        if not between:
            return ()
        places = self._places[self._place(self.graph.nodes[between[-1]])]
        before = bisect_left(places, between[-1]) - 1
        if before < 0 or places[before] > self._order[maker.name]:
            return ()
        around = _common(self.numbers.module(maker), *map(self.numbers.module, readers))
        repeated = self.numbers.module(self.graph.nodes[places[before]])
        is_around = f"{repeated}/".startswith(f"{around}/")
        return self._made(maker, places[before], around) if is_around else ()

    def _made(self, maker: Node, start: int, around: str) -> tuple[Node, ...]:
        """Return the nodes behind `start` of a module that make a tensor from what was there.

        None if nothing multiplies with a weight there, or some other node uses such a weight, so
        that it was not merged.
        """
        found: dict[str, Node] = {}
        waiting = [maker]
        while waiting:
            node = waiting.pop()
            if node.name in found:
                continue
            found[node.name] = node
            is_repeated = any(uses > 1 for uses in self.products.uses(node))
            if node.op in RANDOM or is_repeated or self._is_one_of_several(node, around):
                return ()
            makers = (self.graph.producers.get(name) for name in node.inputs)
            for each in makers:
                if each is None or self.products.computed.isdisjoint(each.outputs):
                    continue
                if self._order[each.name] == start:
                    return ()
                is_in = f"{self.numbers.module(each)}/".startswith(f"{around}/")
                if is_in and self._order[each.name] > start:
                    waiting.append(each)
        if not any(map(self.products.uses, found.values())):
            return ()
        return tuple(sorted(found.values(), key=lambda each: self._order[each.name]))

    def _is_one_of_several(self, node: Node, around: str) -> bool:
        """Whether a product is in a module that has siblings of its name but for a number."""
        inner = self.numbers.module(node).removeprefix(around).split("/")[1:2]
        if not inner or not self.products.uses(node):
            return False
        return self._families[f"{around}/{_DIGITS.sub('#', inner[0])}"] > 1

    @cached_property
    def _families(self) -> Counter[str]:
        """How many modules have a name, in which all numbers of its end are the same."""
        modules = {self.numbers.module(node) for node in self.graph.nodes}
        paths = (each.split("/") for each in modules)
        every = {"/".join(path[:end]) for path in paths for end in range(2, len(path) + 1)}
        ends = (each.rpartition("/") for each in every)
        return Counter(f"{outer}/{_DIGITS.sub('#', inner)}" for outer, _, inner in ends)

    @cached_property
    def _weighted(self) -> list[int]:
        """The indices of all products with weights."""
        return [at for at, node in enumerate(self.graph.nodes) if self.products.uses(node)]

    @cached_property
    def _places(self) -> dict[tuple[str, str], list[int]]:
        """The indices of the products in each place."""
        places: dict[tuple[str, str], list[int]] = {}
        for at in self._weighted:
            places.setdefault(self._place(self.graph.nodes[at]), []).append(at)
        return places

    @cached_property
    def _order(self) -> dict[str, int]:
        return {node.name: index for index, node in enumerate(self.graph.nodes)}


def _common(*modules: str) -> str:
    """Return the innermost module that contains several."""
    names = zip(*(each.split("/") for each in modules), strict=False)
    return "/".join(each[0] for each in takewhile(lambda each: len(set(each)) == 1, names))


def _apart(here: Sequence[str], there: Sequence[str]) -> int | None:
    """Return the one place in which two ways of the same length differ, None if there is none."""
    if len(here) != len(there):
        return None
    places = [at for at, names in enumerate(zip(here, there, strict=True)) if len(set(names)) > 1]
    return places[0] if len(places) == 1 else None


def _slots(node: Node, tensor: str) -> tuple[int, ...]:
    return tuple(slot for slot, name in enumerate(node.inputs) if name == tensor)


def _name(node: Node) -> str:
    return node.name.rpartition("/")[2]


def _calls(reader: Node, node: Node) -> tuple[Path, ...]:
    """Return the calls that a node is part of: those of its own module, or of its reader's."""
    return module_calls(node) or module_calls(reader)
