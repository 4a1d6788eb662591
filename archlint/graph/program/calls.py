"""The calls of the exported program that torch.export records for each node."""

from __future__ import annotations

import re
from collections.abc import Mapping

from msgspec import Struct

from archlint.graph.graph import Graph
from archlint.graph.node import Node
from archlint.graph.program.call_record import printed_call

_PRINTED = re.compile(
    r"%(?P<name>\w+) (?:: \[num_users=(?P<users>\d{1,9})\])?.*?"
    r"target=(?:torch\.ops\.)?(?P<target>[\w.]+)\]"
    r"\(args = \((?P<arguments>.*)\), kwargs = \{(?P<keywords>.*)\}\)",
    re.DOTALL,
)
_INTEGER = re.compile(r"-?[0-9]{1,18}")
_TENSORS = re.compile(r"%(\w+)")
_GIVEN_UNITS = frozenset({"InstanceNormalization"})  # where the exporter has no group norm
_OPENING, _CLOSING = "([{", ")]}"


class ExportedCall(Struct, frozen=True):
    """One call of an operator, and the nodes that stand for it in the file.

    `arguments` and `keywords` are as the exporter printed them: `%name` is a tensor. `users` counts
    the calls of the program that take what it makes, None where that is not told.
    """

    name: str
    target: str
    arguments: tuple[str, ...]
    keywords: Mapping[str, str]
    nodes: tuple[Node, ...]
    users: int | None = None

    @property
    def is_element(self) -> bool:
        """Whether it selects one of several results of another call, its first argument."""
        return self.target == "operator.getitem"

    @property
    def tensors(self) -> list[str]:
        """The names of the tensors among the arguments, in order."""
        return [name for part in self.arguments for name in _TENSORS.findall(part)]

    def tensors_of(self, place: int) -> list[str]:
        """Return the names of the tensors in the argument at `place`, several if it is a list."""
        return _TENSORS.findall(self.argument(place))

    @property
    def takes(self) -> frozenset[str]:
        """The names of all tensors that it is given."""
        given = (*self.arguments, *self.keywords.values())
        return frozenset(name for part in given for name in _TENSORS.findall(part))

    @property
    def units(self) -> frozenset[str]:
        """The gain and bias of ones and zeros with which the exporter writes a group norm.

        It uses InstanceNormalization for that; they are no weights of the call.
        """
        return frozenset(
            name for node in self.nodes if node.op in _GIVEN_UNITS for name in node.inputs[1:]
        )

    def argument(self, place: int, default: str = "None") -> str:
        """Return the argument at `place`."""
        return self.arguments[place] if place < len(self.arguments) else default

    def integer(self, place: int, default: int) -> int | None:
        """Return the integer at `place`, None where something else is written there."""
        text = self.argument(place, str(default))
        return int(text) if _INTEGER.fullmatch(text) else None


def exported_calls(graph: Graph) -> tuple[ExportedCall, ...]:
    """Return the calls that the nodes of `graph` stand for, in order; none without metadata."""
    groups: dict[str, list[Node]] = {}
    for node in graph.nodes:
        printed = printed_call(node)
        if printed:
            groups.setdefault(printed, []).append(node)
    calls = (_call(printed, tuple(nodes)) for printed, nodes in groups.items())
    return tuple(call for call in calls if call is not None)


def exported_call(node: Node) -> ExportedCall | None:
    """Return the call that a node stands for, alone or with others; None without metadata."""
    return _call(printed_call(node), (node,))


def taken_tensors(node: Node) -> frozenset[str]:
    """Return the names that the program has for the tensors which the call of a node takes."""
    call = exported_call(node)
    return frozenset() if call is None else call.takes


def normalizing_call(node: Node) -> ExportedCall | None:
    """Return the call of a batch norm that a node stands for, alone or with the layer before it."""
    is_norm = "batch_norm" in printed_call(node).partition("(args")[0]
    return exported_call(node) if is_norm else None


def _call(printed: str, nodes: tuple[Node, ...]) -> ExportedCall | None:
    found = _PRINTED.match(printed)
    if not found:
        return None
    keywords = (part.partition(": ") for part in _split(found["keywords"]))
    return ExportedCall(
        found["name"],
        found["target"],
        tuple(_split(found["arguments"])),
        {key: value for key, _, value in keywords},
        nodes,
        int(found["users"]) if found["users"] else None,
    )


def _split(text: str) -> list[str]:
    """Split at the commas that are not inside brackets."""
    parts, depth, start = [], 0, 0
    for index, letter in enumerate(text):
        if letter in _OPENING:
            depth += 1
        elif letter in _CLOSING:
            depth -= 1
        elif letter == "," and depth == 0:
            parts.append(text[start:index].strip())
            start = index + 1
    parts.append(text[start:].strip())
    return [part for part in parts if part]
