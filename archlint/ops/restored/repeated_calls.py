"""Calls that the TorchScript exporter wrote once for several modules, since they compute the same.

The exporter writes equal expressions once. Modules that are built alike may begin with the same
function of the same tensor, as all blocks do that activate one embedding of a time step. The sign
is in the names of nodes: what `/blocks.0/act/Relu` made is read by `/blocks.1/fc/MatMul` as it is
by `/blocks.0/fc/MatMul`. Each of these modules gets an operator of its own.

Calls are left alone where they have a weight, which is not shared by modules that are only alike
(`perhaps_merged`), where something random is on the way, and where they are long.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property, partial

from msgspec import Struct

from archlint.graph.generated_names import is_folded_name, is_generated_name
from archlint.graph.graph import Graph
from archlint.graph.node import Node
from archlint.graph.program.modules import Path, module_calls, module_path
from archlint.ops.restored.own_operators import OwnOperators

_LONGEST = 40  # nodes of one call, which is a function of a few operators
RANDOM = frozenset(
    {"Dropout", "RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike"}
    | {"Bernoulli", "Multinomial"}
)


def with_own_calls(graph: Graph) -> Graph:
    """Return `graph` with an operator for each module that called it, where one served several."""
    return _Repeated(graph).apart() if graph.is_from_pytorch else graph


class _Repeated(Struct, eq=False, dict=True):
    graph: Graph

    def apart(self) -> Graph:
        own = OwnOperators(self.graph)
        for name, users in self.graph.consumers.items():
            maker = self.graph.producers.get(name)
            if maker is None or not maker.inputs or len(users) < 2 or "/" not in maker.name:
                continue
            for user, here, there in self._served(maker, users):
                call = self._call(maker, here)
                if call:
                    calls = partial(_calls, user, here, there)
                    own.give(user, name, call, ".".join(there), calls)
        return own.edited()

    def _served(self, maker: Node, users: list[Node]) -> Iterator[tuple[Node, Path, Path]]:
        """Yield the users in other modules, with the module of the maker and that of the user.

        The two are alike as far as a user in the same place of the first module tells.
        """
        place = _place(maker)
        inside: dict[tuple[str, Path], Path] = {}
        for user in users:
            own = _place(user)
            ways = [(own[:end], own[end:]) for end in range(1, len(own))]
            for there, rest in ways:
                here = inside.get((user.op, rest))
                if here is not None and here != there:
                    yield user, here, there
                    break
            else:
                around = ((way, rest) for way, rest in ways if place[: len(way)] == way)
                inside.update(((user.op, rest), way) for way, rest in around)

    def _call(self, end: Node, module: Path) -> tuple[Node, ...]:
        """Return the nodes of a module that make what `end` makes; none where it has a weight."""
        found: dict[str, Node] = {}
        waiting = [end]
        while waiting and len(found) < _LONGEST:
            node = waiting.pop()
            if node.name in found:
                continue
            found[node.name] = node
            if node.op in RANDOM or any(map(self._is_weight, node.inputs)):
                return ()
            makers = (self.graph.producers.get(name) for name in node.inputs)
            waiting += [
                maker
                for maker in makers
                if maker is not None and maker.inputs and _place(maker)[: len(module)] == module
            ]
        if waiting:
            return ()
        return tuple(sorted(found.values(), key=lambda each: self._order[each.name]))

    def _is_weight(self, name: str) -> bool:
        """Whether a tensor is a weight, and no number of a formula."""
        return name in self.graph.weights and (not is_generated_name(name) or is_folded_name(name))

    @cached_property
    def _order(self) -> dict[str, int]:
        return {node.name: index for index, node in enumerate(self.graph.nodes)}


def _place(node: Node) -> Path:
    """Return the way to a node: to its module, then its own name there."""
    return (*module_path(node), node.name.rpartition("/")[2])


def _calls(user: Node, here: Path, there: Path, node: Node) -> list[Path]:
    """Return the calls that a node is part of where the module `there` ran it, and not `here`."""
    around = [path for path in module_calls(user) if len(path) <= len(there)]
    inside = [path for path in module_calls(node) if len(path) > len(here)]
    return [*around, *((*there, *path[len(here) :]) for path in inside)]
