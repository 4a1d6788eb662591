"""Twins: nodes that are put back for a call that was merged into an equal one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import TypeAlias

from msgspec import Struct, field
from msgspec.structs import replace

from archlint.graph.node import Node
from archlint.graph.program.call_record import as_call, call_name
from archlint.graph.program.numbering import CallName, NumberedCall
from archlint.ops.restored.graph_edit import GraphEdit

PRODUCTS = frozenset({"MatMul", "Gemm", "Conv", "ConvTranspose", "Einsum", "GRU", "LSTM", "RNN"})

MAY_REPEAT = "may_repeat"
"""The attribute of a node that says how many more times the program may have run it."""


class Twin(Struct, frozen=True):
    """A call that computes the same as a call of the file, and its name for each tensor of that."""

    name: CallName
    tensors: Mapping[str, str]


Found: TypeAlias = tuple[NumberedCall, Twin | CallName]
"""A call with a twin of it that exists, or with the name of one to add."""


class Twins(GraphEdit, eq=False):
    """The twins that were added to `graph` so far, and how often calls read each of them."""

    tensors: dict[str, str] = field(default_factory=dict)  # names of the program: those of twins
    reads: Counter[CallName] = field(default_factory=Counter)
    _of_call: dict[CallName, list[Twin]] = field(default_factory=dict)
    _named: Counter[CallName] = field(default_factory=Counter)  # twins may be taken for one call
    _originals: dict[str, str] = field(default_factory=dict)  # the tensor that a new one equals

    def of(self, name: CallName) -> list[Twin]:
        """Return the twins of a call, the first one first."""
        return self._of_call.get(name, [])

    def add(self, found: Iterable[Found], place: int, named: Mapping[str, str]) -> None:
        """Add twins in front of the node at `place`; `named` has the names of some new tensors."""
        tensors: dict[str, str] = {}
        for call, twin in sorted(found, key=lambda each: each[0].place):
            if isinstance(twin, Twin):
                tensors |= twin.tensors
                self.reads[twin.name] += 1
                continue
            self.reads[twin] += 1
            self._named[twin] += 1
            tag = f"{twin}#{self._named[twin]}" if self._named[twin] > 1 else str(twin)
            made = {
                name: named.get(name, f"{name}#{tag}")
                for node in call.nodes
                for name in node.outputs
                if name
            }
            tensors |= made
            values = self.graph.values
            self.values |= {new: replace(values[old], name=new) for old, new in made.items()}
            self._originals |= {new: old for old, new in made.items()}
            self._of_call.setdefault(call.name, []).append(Twin(twin, made))
            for node in call.nodes:
                self.insert(self._twin(node, tensors, twin, tag), self.graph.nodes[place])

    def connect(self, user: NumberedCall, gone: str, tensor: str) -> None:
        """Let a call read the twin's tensor that the program calls `gone`, instead of `tensor`."""
        if user.call is not None:  # otherwise it names nothing
            self.restore_operand(user.call, gone, tensor, self.tensors[gone])

    def makers(self, call: NumberedCall) -> Iterator[tuple[str, Node]]:
        """Yield the tensors of the file that a call reads, or their twins, with their nodes."""
        own = {name for node in call.nodes for name in node.outputs}
        for node in call.nodes:
            for name in self.inputs(node):
                tensor = self._originals.get(name, name)
                if tensor in self.graph.producers and tensor not in own:
                    yield tensor, self.graph.producers[tensor]

    def is_read(self, tensor: str) -> bool:
        """Whether a tensor of a twin has a name of the program, by which calls read it."""
        return tensor in self.tensors.values()

    def _twin(self, node: Node, tensors: Mapping[str, str], name: CallName, tag: str) -> Node:
        """Return the node that does for the call `name` what `node` does for its own."""
        read = [(each, tensors.get(self._originals.get(each, each))) for each in self.inputs(node)]
        return replace(
            node,
            name=f"{node.name}#{tag}",
            inputs=tuple(each if new is None else new for each, new in read),
            outputs=tuple(tensors.get(each, each) for each in node.outputs),
            metadata=as_call(node, str(name)),
        )


def is_twin(node: Node) -> bool:
    """Whether a node was added for a call that was merged into an equal one."""
    _, mark, tag = node.name.partition("#")
    return bool(mark) and tag.partition("#")[0] == call_name(node)
