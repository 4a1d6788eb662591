"""Restores equal calls that an optimizer merged into one."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import field
from heapq import heappop, heappush

from archlint.graph.graph import Graph
from archlint.graph.node import Node
from archlint.graph.program.calls import (
    Signature,
    as_call,
    base_name,
    reading,
    replaced,
    signature,
)
from archlint.graph.program.numbering import ELEMENT, CallName, NumberedCall, Numbering
from archlint.graph.value import Value
from archlint.ops.restored.merged_parts import with_own_parts
from archlint.record import record, replace

_PRODUCTS = frozenset({"MatMul", "Gemm", "Conv", "ConvTranspose", "Einsum", "GRU", "LSTM", "RNN"})
MAY_REPEAT = "may_repeat"
"""The attribute of a node that says how often the program may have run it besides."""

_AFTER_ALL = 10**6  # of numbers, where it is not known which are taken


def with_twins(graph: Graph) -> Graph:
    """Return `graph` with nodes of its own for each call that was merged into an equal one.

    The record of torch.export names the tensor that a call reads. Where it is not in the file, and
    the one that is read instead was made by a call of the same name, that is its twin. So are the
    calls before it, as far as calls of their names are gone: an optimizer merges what reads equal
    tensors, and nothing is left of a call that only merged ones read but its number. A twin stands
    where its tensor is needed first, as in the program as far as can be told. Products that may
    have been merged or not are marked.
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
    _others: Counter[CallName] = field(default_factory=Counter)
    _strays: set[str] = field(default_factory=set)
    _doubted: Counter[str] = field(default_factory=Counter)

    def apart(self) -> Graph:
        """Return the graph with the calls that were merged."""
        for user, gone, tensor in self._replaced():
            if gone not in self._made:
                self._separate(user, gone, tensor)
            if gone in self._made:
                self._read(user, gone, tensor)
        if not self._inputs:
            return self.graph
        nodes: list[Node] = []
        for place, node in enumerate(self.graph.nodes):
            nodes += self._before.get(place, ())
            nodes.append(self._restored(node))
        return replace(self.graph, nodes=tuple(nodes), values={**self.graph.values, **self._values})

    def _restored(self, node: Node) -> Node:
        """Return a node with what it reads, and with how often it may have been run besides."""
        doubted = self._doubted.get(node.name)
        attributes = {**node.attributes, MAY_REPEAT: doubted} if doubted else node.attributes
        return replace(node, inputs=self._read_by(node), attributes=attributes)

    def _replaced(self) -> Iterator[tuple[NumberedCall, str, str]]:
        """Yield the calls that read one tensor of the file for another of the program."""
        for user in self.numbering.calls:
            if user.call is not None:
                for gone, tensor in replaced(user.call, self.graph, self.named):
                    if tensor in self.graph.producers and _is_result(tensor, self._call_of(tensor)):
                        yield user, gone, tensor

    def _separate(self, user: NumberedCall, gone: str, tensor: str) -> None:
        """Make the twin that a call reads, with the calls before it that were merged as well."""
        if not self._others:
            self._free.update({base: list(each) for base, each in self.numbering.gone.items()})
            self._count_users()
        call = self._call_of(tensor)
        name = CallName.of(gone)
        if base_name(gone) == base_name(tensor) and len(call.nodes[-1].outputs) == 1:
            self._give(name)
            self._made[gone] = gone
            self._make(self._walk(call, name, user.place), user.place, {tensor: gone})
        elif gone in self._strays:
            self._made[gone] = self._of_another(call, user.place, tensor)

    def _of_another(self, call: NumberedCall, place: int, tensor: str) -> str:
        """Return what a twin of a call makes instead of `tensor`, and nothing else has read yet."""
        twins = self._twins.get(call.name, [])
        own = next((twin.tensors[tensor] for twin in twins), None)
        if own is None or own in self._made.values():
            number = self._next_number(call.name.base)
            name = self._take(call, place) or CallName(call.name.base, number)
            self._make(self._walk(call, name, place), place, {})
            own = self._twins[call.name][-1].tensors[tensor]
        return own

    def _walk(
        self, call: NumberedCall, name: CallName, place: int
    ) -> Mapping[CallName, tuple[NumberedCall, _Twin | CallName]]:
        """Return the calls before a merged one that were merged, with their twins or their names.

        The nearest come first. Where the program has another user of a call that is named as the
        source of one, the twin reads that as well. A call whose name has no number left, and that
        has a twin, is read from that by all.
        """
        found: dict[CallName, tuple[NumberedCall, _Twin | CallName]] = {call.name: (call, name)}
        unsure = set[CallName]()
        waiting = [(-call.place, call.name.base, call.name.number)]
        while waiting:
            _, base, number = heappop(waiting)
            reader = found[CallName(base, number)][0]
            for before in self._calls_before(reader):
                if before.name in found:
                    continue
                twin = self._merged(before, reader, place, unsure)
                if twin is not None:
                    found[before.name] = before, twin
                if isinstance(twin, CallName):
                    heappush(waiting, (-before.place, before.name.base, before.name.number))
        return self._without_unsure(found, unsure)

    def _merged(
        self, call: NumberedCall, reader: NumberedCall, place: int, unsure: set[CallName]
    ) -> _Twin | CallName | None:
        """Return what the twin of `reader` reads where that reads a call, None for the same.

        It is a twin that is there already, or the name of one to make. What is made without a
        number that is gone is `unsure`, unless nothing else could be read.
        """
        is_named = reader.call is not None and str(call.name) in reader.call.takes
        if is_named and self._others[call.name] > 0:
            self._others[call.name] -= 1
            return None
        taken = self._take(call, place)
        if taken is not None:
            return taken
        twins = self._twins.get(call.name, [])
        if is_named and self._is_shared(call, place):
            return twins[-1]
        is_open = self._may_be_gone(call, reader, place)
        if not is_open:
            return twins[-1] if twins else None
        if not is_named or reader.name in unsure:
            unsure.add(call.name)
        return CallName(call.name.base, self._next_number(call.name.base))

    def _is_shared(self, call: NumberedCall, place: int) -> bool:
        """Whether a call is read from the last twin of it: as often as itself is read."""
        twins = self._twins.get(call.name)
        if not twins:
            return False
        reads = self._reads[twins[-1].name]
        is_last = self.numbering.is_last(call.name.base, place)
        return not is_last or reads < self.numbering.users(call.name)

    def _may_be_gone(self, call: NumberedCall, reader: NumberedCall, place: int) -> bool:
        """Whether a call may have a twin of which the file would not tell: the last of its name."""
        takes = () if reader.call is None else reader.call.takes
        if str(call.name) not in takes and any(map(_is_element, takes)):
            is_open = self.numbering.has_gone(ELEMENT, place)
        else:
            is_open = True
        return is_open and self.numbering.is_last(call.name.base, place)

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
            else:
                self._doubted.update(node.name for node in call.nodes if node.op in _PRODUCTS)
                if call.name in self._twins:
                    kept[call.name] = call, self._twins[call.name][-1]
        return kept

    def _calls_before(self, call: NumberedCall) -> Iterator[NumberedCall]:
        """Yield the calls that make what a call reads."""
        own = {name for node in call.nodes for name in node.outputs}
        for node in call.nodes:
            for name in self._read_by(node):
                tensor = self._twin_of.get(name, name)
                if tensor in self.graph.producers and tensor not in own:
                    before = self._call_of(tensor)
                    if _is_result(tensor, before):
                        yield before

    def _take(self, call: NumberedCall, place: int) -> CallName | None:
        """Return the name of a call that is gone and may be the twin of one, None if none may.

        It came after the call and before what stands at `place`. Of the calls in a row that are
        gone, none are equal.
        """
        base, number = call.name.base, call.name.number
        if any(node.name in self.graph.inner for node in call.nodes):
            return None
        free, place_before = self._free.get(base, ()), self.numbering.place_before
        end = bisect_left(free, place, key=lambda each: place_before(CallName(base, each)))
        name = CallName(base, free[end - 1]) if end else call.name
        if name.number <= number:
            return None
        twins = self._twins.get(call.name, ())
        if any(place_before(twin.name) == place_before(name) for twin in twins):
            return None
        self._give(name)
        return name

    def _count_users(self) -> None:
        """Count the users of each call that are in the program and not in the file.

        What is left out because it does nothing, as the copy that dropout makes, counts as there.
        Where more read a call than the program says, the last of them read one that was merged.
        So does what takes an element of a call's results that another one has taken.
        """
        left_out: dict[str, list[str]] = {}
        for _, gone, tensor in self._replaced():
            base = CallName.of(gone).base
            if base != self._call_of(tensor).name.base:
                left_out.setdefault(tensor, []).append(gone)
        self._others.update(self.numbering.other_users)
        for tensor, names in left_out.items():
            call, own = self._call_of(tensor).name, list(dict.fromkeys(names))
            if _is_element(own[0]):
                self._strays.update(own[1:])
            elif call in self._others:
                self._others[call] -= len(own)
                self._strays.update(own[min(self._others[call], 0) + len(own) :])

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
        read = ((each, tensors.get(self._twin_of.get(each, each))) for each in self._read_by(node))
        return replace(
            node,
            name=f"{node.name}#{name}",
            inputs=tuple(each if new is None else new for each, new in read),
            outputs=tuple(tensors.get(each, each) for each in node.outputs),
            metadata=as_call(node, str(name)),
        )

    def _read(self, user: NumberedCall, gone: str, tensor: str) -> None:
        """Let the nodes of a call read their own tensor."""
        if user.call is None:
            return
        for node in user.nodes:
            slots = reading(user.call, node, self.graph, gone, tensor)
            read = enumerate(self._read_by(node))
            self._inputs[node.name] = tuple(
                self._made[gone] if slot in slots else name for slot, name in read
            )

    def _read_by(self, node: Node) -> tuple[str, ...]:
        return self._inputs.get(node.name, node.inputs)

    def _call_of(self, tensor: str) -> NumberedCall:
        return self.numbering.of_node[self.graph.producers[tensor].name]

    def _value(self, name: str) -> Value:
        return self.graph.values[name]


def _is_result(tensor: str, call: NumberedCall) -> bool:
    """Whether a tensor is what a call makes, and not something on the way there."""
    is_named = tensor == str(call.name) or _is_element(tensor)
    return is_named or tensor in call.nodes[-1].outputs


def _is_element(name: str) -> bool:
    return CallName.of(name).base == ELEMENT
