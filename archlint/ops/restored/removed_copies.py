"""Copies of tensors that torch.export's optimizer removed.

torch.export writes a copy (`clone`) for dropout in evaluation mode, for `contiguous`, for a
`reshape` that cannot be a view, and for `clone` itself. The optimizer removes it, while the call
that read it still names it. What was copied and what reads the copy tell a dropout from the others:
a reshape reads the copy of a transposed tensor, and the line of the program that transposes a
tensor may also call `contiguous`.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from functools import cached_property

from msgspec import Struct

from archlint.graph.graph import Graph
from archlint.graph.node import Node
from archlint.graph.program.call_record import as_other_call, base_name, call_name, printed_call
from archlint.graph.program.calls import ExportedCall, exported_call, exported_calls
from archlint.graph.program.frames import source_line
from archlint.graph.program.numbering import CallName
from archlint.graph.program.origin import folded_names
from archlint.graph.program.replaced_tensors import skipped
from archlint.ops.restored.export_mode import is_for_training
from archlint.ops.restored.graph_edit import GraphEdit
from archlint.ops.restored.twins import is_twin

_COPY = "clone"
_NAMED = re.compile(rf"%({_COPY}(?:_\d+)?)\b")
_ASKED = re.compile(r"\.(?:contiguous|clone)\(")
REORDERING = frozenset({"Transpose", "Expand", "Slice", "Split", "Squeeze", "Unbind"})
"""Views, of which a copy puts elements in order, as attention asks for."""

_OF_PRODUCTS = frozenset(
    {"matmul", "bmm", "baddbmm", "einsum", "scaled_dot_product_attention"}
    | {"transpose", "permute", "mT", "t", "swapaxes"}
)
_REGROUPING = frozenset(
    f"aten.{name}"
    for name in ("view.default", "_unsafe_view.default", "reshape.default", "select.int")
)


def with_copies(graph: Graph) -> Graph:
    """Return `graph` with a node for each removed copy that a line of the program calls for.

    Where the record says that nothing but the copy reads a tensor, all others read the copy.
    """
    edit = GraphEdit(graph)
    places = {node.name: place for place, node in enumerate(graph.nodes)}
    for copy in RemovedCopies(graph).asked:
        name, maker = copy.name, copy.maker
        if not edit.has(name):
            called = f"{maker.name}#{name}"
            node = Node(called, "Identity", "", (copy.tensor,), (name,), {}, copy.metadata)
            edit.compute(node, copy.tensor, graph.nodes[places[maker.name] + 1])
        if copy.is_all_that_reads:
            for reader in graph.consumers[copy.tensor]:
                edit.read_instead(reader, copy.tensor, name)
        edit.restore_operand(copy.reader, name, copy.tensor, name)
    return edit.edited()


class RemovedCopy(Struct, frozen=True):
    """The name of a copy, the tensor that was copied and its maker, and the call that read it."""

    name: str
    tensor: str
    maker: Node
    reader: ExportedCall

    @property
    def is_asked(self) -> bool:
        """Whether the line of the program that makes the tensor also calls for the copy."""
        return _asks(self.maker)

    @property
    def is_all_that_reads(self) -> bool:
        """Whether the program has no other call that reads the tensor."""
        call = exported_call(self.maker)
        return call is not None and call.users == 1

    @property
    def is_for_product(self) -> bool:
        """Whether a product reads the copy, or a view for one."""
        return base_name(self.reader.name) in _OF_PRODUCTS

    @property
    def metadata(self) -> Mapping[str, str]:
        """The record of the call, as the exporter writes it where it does not optimize."""
        ordered = ".contiguous(" in source_line(self.maker) or self.maker.op in REORDERING
        keywords = "memory_format: torch.contiguous_format" if ordered else ""
        return as_other_call(
            self.maker, self.name, f"aten.{_COPY}.default", f"%{self.tensor}", keywords
        )


class CopyReader(Struct, frozen=True):
    """Nodes that read one copy of a tensor that another copy of the same tensor stands behind."""

    tensor: str
    name: str
    nodes: tuple[Node, ...]


class RemovedCopies(Struct, frozen=True, dict=True):
    """The copies that are not in the graph of a file, and may have been dropout."""

    file: Graph

    @cached_property
    def copied(self) -> Mapping[str, tuple[str, ...]]:
        """The tensors that were copied, other than to make them contiguous, with their copies."""
        found: dict[str, dict[str, None]] = defaultdict(dict)
        asked = {copy.name for copy in self.asked}
        for copy in self._copies:
            if copy.name not in asked:
                found[copy.tensor][copy.name] = None
        for name in self._outputs:
            found[name][name] = None
        return {tensor: tuple(names) for tensor, names in found.items()}

    @cached_property
    def asked(self) -> tuple[RemovedCopy, ...]:
        """The copies that are no dropout.

        A line of the program calls for them, or they put the elements of heads in order, or of
        anything in a file for training, in which dropout is there.
        """
        names = {copy.name for copy in self._copies if self._is_asked(copy)}
        return tuple(copy for copy in self._copies if copy.name in names)

    def _is_asked(self, copy: RemovedCopy) -> bool:
        if copy.is_for_product and self._splits(copy.maker):
            return True
        if self._is_for_training and copy.maker.op in REORDERING:
            return True
        return copy.is_asked and self._is_only_one(copy)

    @cached_property
    def _is_for_training(self) -> bool:
        return is_for_training(self.file)

    @cached_property
    def _outputs(self) -> tuple[str, ...]:
        """The outputs that have the name of a copy, made by another call that asks for none."""
        makers = ((name, self.file.producers.get(name)) for name in self.file.outputs)
        return tuple(
            name
            for name, maker in makers
            if base_name(name) == _COPY and maker is not None and maker.op not in REORDERING
            if base_name(call_name(maker)) != _COPY and not _asks(maker)
        )

    def _is_only_one(self, copy: RemovedCopy) -> bool:
        """Whether a copy is of no copy, which it may be of if the number before is not read."""
        number = CallName.of(copy.name).number
        return number == 0 or number - 1 in self._mentioned

    def _splits(self, node: Node) -> bool:
        """Whether a node moves an axis that a reshape split off, as attention does for heads."""
        maker = self.file.producers.get(node.inputs[0]) if node.op == "Transpose" else None
        if maker is None or maker.op != "Reshape":
            return False
        before, after = (
            self.file.values[name].shape or () for name in (maker.inputs[0], node.inputs[0])
        )
        return 0 < len(before) < len(after)

    @property
    def are_there(self) -> bool:
        """Whether some copy was removed that no reshape reads."""
        return bool(self._copies or self._outputs)

    @cached_property
    def lost(self) -> int:
        """How many numbers of copies no call mentions, since the call that read them is lost."""
        return max(self._mentioned, default=-1) + 1 - len(self._mentioned)

    def twins(self, graph: Graph) -> Iterator[Node]:
        """Yield the nodes of a restored graph that make a copied tensor for a merged call."""
        for node in graph.nodes:
            if is_twin(node) and node.output.partition("#")[0] in self.copied:
                yield node

    def others(self, graph: Graph) -> Iterator[CopyReader]:
        """Yield what reads a further copy of a tensor in a restored graph, copy by copy.

        A call that was merged read another copy than the call that it was merged with.
        """
        for tensor, names in self.copied.items():
            readers: dict[tuple[str, int], list[Node]] = defaultdict(list)
            times: dict[str, int] = defaultdict(int)
            for node in graph.consumers.get(tensor, ()):
                original = node.name.partition("#")[0]
                taken = [name for name in names if name in self._taken.get(original, ())]
                if taken:
                    readers[taken[0], times[original]].append(node)
                    times[original] += 1
            for (name, time), nodes in list(readers.items())[1:]:
                yield CopyReader(tensor, f"{name}#{time}", tuple(nodes))

    @cached_property
    def _copies(self) -> tuple[RemovedCopy, ...]:
        """All copies, except those that put a tensor in order for a reshape."""
        producers = self.file.producers
        return tuple(
            RemovedCopy(gone, tensor, producers[tensor], call)
            for call, gone, tensor in skipped(self.file)
            if base_name(gone) == _COPY
            and tensor in producers
            and not (producers[tensor].op in REORDERING and call.target in _REGROUPING)
        )

    @cached_property
    def _taken(self) -> Mapping[str, frozenset[str]]:
        """What the calls of the file take, by the names of their nodes."""
        calls = exported_calls(self.file)
        return {node.name: call.takes for call in calls for node in call.nodes}

    @cached_property
    def _mentioned(self) -> frozenset[int]:
        """The numbers of copies that a call reads, or that were computed during export."""
        read = (name for node in self.file.nodes for name in _NAMED.findall(printed_call(node)))
        names = map(CallName.of, (*read, *folded_names(self.file), *self.file.outputs))
        return frozenset(name.number for name in names if name.base == _COPY)


def _asks(maker: Node) -> bool:
    """Whether the line of the program that called an operator also calls for a copy."""
    return _ASKED.search(source_line(maker)) is not None
