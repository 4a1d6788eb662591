"""Restores equal calls that an optimizer merged into one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import field
from functools import cached_property
from heapq import heappop, heappush

from archlint.graph.graph import Graph
from archlint.graph.node import Node
from archlint.graph.program.calls import Signature, as_call, base_name, replaced, signature
from archlint.graph.program.numbering import CallName, NumberedCall, Numbering
from archlint.graph.value import Value
from archlint.ops.restored.merged_parts import with_own_parts
from archlint.record import record, replace

_PRODUCTS = frozenset({"MatMul", "Gemm", "Conv", "ConvTranspose", "Einsum"})
_AFTER_ALL = 10**6  # of numbers, where it is not known which are taken


def with_twins(graph: Graph) -> Graph:
    """Return `graph` with nodes of its own for each call that was merged into an equal one.

    The record of torch.export names the tensor that a call reads. Where it is not in the file, and
    the one that is read instead was made by a call of the same name, that is its twin. So are the
    calls before it, as far as calls of their names are gone: an optimizer merges what reads equal
    tensors, and nothing is left of a call that only merged ones read but its number. A twin stands
    where its tensor is needed first, as in the program as far as can be told.
    """
    named = signature(graph)
    if named is None:
        return graph
    whole = with_own_parts(graph)
    return _Merged(whole, named, Numbering(whole)).apart()


@record
class _Twin:
    """Another call that makes what a call of the file does: the new name of each of its tensors."""

    name: CallName
    tensors: Mapping[str, str]


@record(slots=False, frozen=False, eq=False)
class _Merged:
    graph: Graph
    named: Signature
    numbering: Numbering
    _free: dict[str, list[int]] = field(default_factory=dict)
    _twins: dict[CallName, list[_Twin]] = field(default_factory=dict)
    _made: dict[str, str] = field(default_factory=dict)  # tensors by their names in the program
    _twin_of: dict[str, str] = field(default_factory=dict)  # what a new tensor is equal to
    _inputs: dict[str, tuple[str, ...]] = field(default_factory=dict)
    _before: dict[int, list[Node]] = field(default_factory=dict)
    _values: dict[str, Value] = field(default_factory=dict)
    _last: dict[str, int] = field(default_factory=dict)
    _reads: Counter[CallName] = field(default_factory=Counter)

    def apart(self) -> Graph:
        """Return the graph with the calls that were merged."""
        for user, gone, tensor in self._replaced():
            if gone not in self._made:
                self._separate(user, gone, tensor)
            if gone in self._made:
                self._read(user, tensor, self._made[gone])
        if not self._inputs:
            return self.graph
        nodes: list[Node] = []
        for place, node in enumerate(self.graph.nodes):
            nodes += self._before.get(place, ())
            nodes.append(replace(node, inputs=self._inputs.get(node.name, node.inputs)))
        return replace(self.graph, nodes=tuple(nodes), values={**self.graph.values, **self._values})

    def _replaced(self) -> Iterator[tuple[NumberedCall, str, str]]:
        """Yield the calls that read one tensor of the file for another of the program."""
        for user in self.numbering.calls:
            if user.call is not None:
                for gone, tensor in replaced(user.call, self.graph, self.named):
                    if tensor in self.graph.producers:
                        yield user, gone, tensor

    def _separate(self, user: NumberedCall, gone: str, tensor: str) -> None:
        """Make the twin that a call reads, with the calls before it that were merged as well."""
        call = self._call_of(tensor)
        name = CallName.of(gone)
        is_equal = base_name(gone) == base_name(tensor) and len(call.nodes[-1].outputs) == 1
        if not is_equal:
            return
        if not self._free:
            self._free.update({base: list(each) for base, each in self.numbering.gone.items()})
        self._give(name)
        self._made[gone] = gone
        self._make(self._walk(call, name, user.place), user.place, {tensor: gone})

    def _walk(
        self, call: NumberedCall, name: CallName, place: int
    ) -> Mapping[CallName, tuple[NumberedCall, _Twin | CallName]]:
        """Return the calls before a merged one that were merged, with their twins or their names.

        The nearest come first. A call whose name has no number left, and that has a twin, is read
        from that by all.
        """
        found: dict[CallName, tuple[NumberedCall, _Twin | CallName]] = {call.name: (call, name)}
        unsure = set[CallName]()
        waiting = [(-call.place, call.name.base, call.name.number)]
        while waiting:
            _, *own = heappop(waiting)
            reader = found[CallName(*own)][0]
            for before in self._calls_before(reader):
                if before.name in found:
                    continue
                taken = self._take(before, place)
                if taken is None and self._is_merged(before, reader):
                    if self._is_shared(before, place):
                        found[before.name] = before, self._twins[before.name][-1]
                        continue
                    if self.numbering.is_last(before.name.base, place):
                        taken = CallName(before.name.base, self._next_number(before.name.base))
                if taken is None and self._may_be_gone(before, place):
                    taken = CallName(before.name.base, self._next_number(before.name.base))
                    unsure.add(before.name)
                if taken is not None:
                    found[before.name] = before, taken
                    heappush(waiting, (-before.place, before.name.base, before.name.number))
                elif before.name in self._twins:
                    found[before.name] = before, self._twins[before.name][-1]
        return self._without_unsure(found, unsure)

    def _is_merged(self, call: NumberedCall, reader: NumberedCall) -> bool:
        """Whether the twin of `reader` cannot have read what `call` makes: it has no other user."""
        is_named = reader.call is not None and str(call.name) in reader.call.takes
        return is_named and not self.numbering.has_other_users(call.name)

    def _is_shared(self, call: NumberedCall, place: int) -> bool:
        """Whether a call is read from the last twin of it: as often as itself is read."""
        twins = self._twins.get(call.name)
        if not twins:
            return False
        reads = self._reads[twins[-1].name]
        is_last = self.numbering.is_last(call.name.base, place)
        return not is_last or reads < self.numbering.users(call.name)

    def _may_be_gone(self, call: NumberedCall, place: int) -> bool:
        """Whether a call may have a twin of which the file would not tell: the last of its name."""
        return self.numbering.is_last(call.name.base, place) and not _is_product(call)

    def _next_number(self, base: str) -> int:
        """Return a number that no call of the file has."""
        self._last[base] = self._last.get(base, _AFTER_ALL) + 1
        return self._last[base]

    def _without_unsure(
        self,
        found: Mapping[CallName, tuple[NumberedCall, _Twin | CallName]],
        unsure: set[CallName],
    ) -> Mapping[CallName, tuple[NumberedCall, _Twin | CallName]]:
        """Leave out those calls of which only what comes before could tell, and does not."""
        kept = dict[CallName, tuple[NumberedCall, _Twin | CallName]]()
        sure = set[CallName]()
        for call, twin in sorted(found.values(), key=lambda each: each[0].place):
            if call.name not in unsure or any(
                before.name in sure for before in self._calls_before(call)
            ):
                kept[call.name] = call, twin
                if not isinstance(twin, _Twin):
                    sure.add(call.name)
            elif call.name in self._twins:
                kept[call.name] = call, self._twins[call.name][-1]
        return kept

    def _calls_before(self, call: NumberedCall) -> Iterator[NumberedCall]:
        """Yield the calls that make what a call reads."""
        own = {name for node in call.nodes for name in node.outputs}
        for node in call.nodes:
            for name in self._read_by(node):
                tensor = self._twin_of.get(name, name)
                if tensor in self.graph.producers and tensor not in own:
                    yield self._call_of(tensor)

    def _take(self, call: NumberedCall, place: int) -> CallName | None:
        """Return the name of a call that is gone and may be the twin of one, None if none may.

        It came after the call and before what stands at `place`. Of the calls in a row that are
        gone, none are equal.
        """
        base, number = call.name.base, call.name.number
        if any(node.name in self.graph.inner for node in call.nodes):
            return None
        for free in reversed(self._free.get(base, ())):
            name = CallName(base, free)
            before = self.numbering.place_before(name)
            if free > number and before < place:
                twins = self._twins.get(call.name, ())
                if any(self.numbering.place_before(twin.name) == before for twin in twins):
                    return None
                self._give(name)
                return name
        return None

    def _give(self, name: CallName) -> None:
        free = self._free.get(name.base, [])
        if name.number in free:
            free.remove(name.number)

    def _make(
        self,
        walk: Mapping[CallName, tuple[NumberedCall, _Twin | CallName]],
        place: int,
        named: Mapping[str, str],
    ) -> None:
        """Add the nodes of twins; `named` are tensors that have names of their own."""
        tensors: dict[str, str] = {}
        for call, twin in sorted(walk.values(), key=lambda each: each[0].place):
            if isinstance(twin, _Twin):
                tensors |= twin.tensors
                self._reads[twin.name] += 1
                continue
            self._reads[twin] += 1
            made = {
                name: named.get(name, f"{name}#{twin}")
                for node in call.nodes
                for name in node.outputs
                if name
            }
            tensors |= made
            self._values |= {new: replace(self._value(old), name=new) for old, new in made.items()}
            self._twin_of |= {new: old for old, new in made.items()}
            self._twins.setdefault(call.name, []).append(_Twin(twin, made))
            nodes = self._before.setdefault(place, [])
            nodes += (self._twin(node, tensors, twin) for node in call.nodes)

    def _twin(self, node: Node, tensors: Mapping[str, str], name: CallName) -> Node:
        """Return the node that does for the call `name` what this one does for its own."""
        read = (
            (each, tensors.get(self._twin_of.get(each, each))) for each in self._read_by(node)
        )
        return replace(
            node,
            name=f"{node.name}#{name}",
            inputs=tuple(each if new is None else new for each, new in read),
            outputs=tuple(tensors.get(each, each) for each in node.outputs),
            metadata=as_call(node, str(name)),
        )

    def _read(self, user: NumberedCall, tensor: str, own: str) -> None:
        """Let the nodes of a call read their own tensor."""
        for node in user.nodes:
            read = self._read_by(node)
            self._inputs[node.name] = tuple(own if name == tensor else name for name in read)

    def _read_by(self, node: Node) -> tuple[str, ...]:
        return self._inputs.get(node.name, node.inputs)

    def _call_of(self, tensor: str) -> NumberedCall:
        return self.numbering.of_node[self.graph.producers[tensor].name]

    def _value(self, name: str) -> Value:
        return self.graph.values[name]


def _is_product(call: NumberedCall) -> bool:
    return any(node.op in _PRODUCTS for node in call.nodes)
