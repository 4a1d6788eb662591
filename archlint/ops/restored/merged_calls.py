"""Equal calls that torch.export's optimizer merged into one.

The optimizer eliminates common subexpressions: if two branches begin with `relu(x)`, the file has
one node for both, while a training step runs the operator twice, and saves its result twice. The
sign is in the record: the second branch says that it takes `%relu_1`, its node reads `relu`, and
nothing in the file makes `relu_1`. Then `relu_1` is put back, as a copy of the nodes of `relu`,
which is called its twin. Calls before it were merged as well, if calls of their name are gone: the
optimizer merges from the inputs on, so that a chain of equal calls leaves a chain of missing
numbers. Files of other exporters have no such record (`repeated_calls`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from heapq import heappop, heappush

from msgspec import Struct, field

from archlint.graph.graph import Graph
from archlint.graph.node import Node
from archlint.graph.program.call_record import base_name
from archlint.graph.program.calls import exported_call
from archlint.graph.program.numbering import ELEMENT, CallName, NumberedCall, Numbering
from archlint.graph.program.replaced_tensors import replaced
from archlint.graph.program.signature import Signature, signature
from archlint.ops.restored.folded_norms import folded_norms
from archlint.ops.restored.free_numbers import FreeNumbers
from archlint.ops.restored.graph_edit import GraphEdit
from archlint.ops.restored.merged_operands import with_own_operands
from archlint.ops.restored.merged_outputs import with_named_outputs
from archlint.ops.restored.merged_parts import with_own_parts
from archlint.ops.restored.twins import MAY_REPEAT, PRODUCTS, Found, Twin, Twins


def with_twins(graph: Graph, *, most: bool = False) -> Graph:
    """Return `graph` with nodes of its own for each call that was merged into an equal one.

    A twin stands where its tensor is needed first, which is its place in the program as far as can
    be told. Products that may have been merged are marked with `MAY_REPEAT`; with `most`, they
    were merged.
    """
    named = signature(graph)
    if named is None:
        return graph
    whole = with_own_parts(with_own_operands(with_named_outputs(graph, named)))
    numbering = Numbering(whole, frozenset(folded_norms(whole)))
    free = FreeNumbers(numbering)
    known = _Merged(whole, named, numbering, free, Twins(whole)).restored()
    is_open = any(MAY_REPEAT in node.attributes for node in known.nodes)
    if known is whole or not (free.are_left or (most and is_open)):
        return known
    free = FreeNumbers(numbering, in_rows=True)
    every = _Merged(whole, named, numbering, free, Twins(whole), most=True).restored()
    return every if most else _marked(known, _added_to(every) - _added_to(known))


def _added_to(graph: Graph) -> Counter[str]:
    """Count the products that were added, by the names of those that they are twins of."""
    products = (node for node in graph.nodes if node.op in PRODUCTS and "#" in node.name)
    return Counter(node.name.partition("#")[0] for node in products)


def _marked(graph: Graph, more: Mapping[str, int]) -> Graph:
    """Return `graph` with marks at the products that the program may have run so often more."""
    edit = GraphEdit(graph)
    for node in graph.nodes:
        if node.name in more and MAY_REPEAT not in node.attributes:
            edit.set_attributes(node, {MAY_REPEAT: more[node.name]})
    return edit.edited()


class _Merged(Struct, eq=False, dict=True):
    """The calls of a graph that were merged, found one by one and added as twins."""

    graph: Graph
    named: Signature
    numbering: Numbering
    free: FreeNumbers
    twins: Twins
    most: bool = False
    _doubted: Counter[str] = field(default_factory=Counter)

    def restored(self) -> Graph:
        """Return the graph with the calls that were merged."""
        for user, gone, tensor in self._replaced():
            if gone not in self.twins.tensors:
                self._separate(user, gone, tensor)
            if gone in self.twins.tensors:
                self.twins.connect(user, gone, tensor)
        for place, node in enumerate(self.graph.nodes):
            if self._is_merged_output(node):
                self._add(self._call_of(node.inputs[0]), node.output, node.inputs[0], place)
                self.twins.removed.add(node.name)
        for name, times in self._doubted.items():
            self.twins.set_attributes(self.graph.by_name[name], {MAY_REPEAT: times})
        return self.twins.edited()

    def _replaced(self) -> Iterator[tuple[NumberedCall, str, str]]:
        """Yield the calls that read one tensor of the file for another of the program."""
        first: dict[str, str] = {}
        for user in self.numbering.calls:
            if user.call is None or user.nodes[0].name in self.numbering.fused:
                continue
            for gone, tensor in _paired_alike(replaced(user.call, self.graph, self.named), first):
                first.setdefault(gone, tensor)
                if tensor in self.graph.producers:
                    call = self._call_of(tensor)
                    if str(call.name) != gone and _is_result(tensor, call):
                        yield user, gone, tensor

    def _separate(self, user: NumberedCall, gone: str, tensor: str) -> None:
        """Add the twin that a call reads, with the calls before it that were merged as well."""
        call = self._call_of(tensor)
        strays = self._strays
        if base_name(gone) == base_name(tensor) and len(call.nodes[-1].outputs) == 1:
            self._add(call, gone, tensor, user.place)
        elif gone in strays:
            self.twins.tensors[gone] = self._of_another(call, user.place, tensor)

    def _add(self, call: NumberedCall, gone: str, tensor: str, place: int) -> None:
        """Add the twin of a call that makes `gone` as the call makes `tensor`."""
        name = CallName.of(gone)
        self.free.discard(name)
        self.twins.tensors[gone] = gone
        self.twins.add(self._walk(call, name, place), place, {tensor: gone})

    def _is_merged_output(self, node: Node) -> bool:
        """Whether a node copies a result to the output of the program that an equal call made."""
        if node.op != "Identity" or {node.output, node.inputs[0]} - {*self.named.outputs}:
            return False
        made = self.graph.producers.get(node.inputs[0])
        is_alike = base_name(node.output) == base_name(node.inputs[0])
        return made is not None and is_alike and exported_call(node) is None

    def _of_another(self, call: NumberedCall, place: int, tensor: str) -> str:
        """Return what a twin of a call makes instead of `tensor`, and nothing else has read yet."""
        twins = self.twins.of(call.name)
        own = twins[0].tensors[tensor] if twins else None
        if own is None or self.twins.is_read(own):
            name = self._take(call, place) or self.free.invent(call.name.base)
            self.twins.add(self._walk(call, name, place), place, {})
            own = self.twins.of(call.name)[-1].tensors[tensor]
        return own

    def _walk(self, call: NumberedCall, name: CallName, place: int) -> list[Found]:
        """Return the calls before a merged one that were merged, with their twins or their names.

        The nearest come first. Where the program has another user of a call that is named as the
        source of one, the twin reads that as well. A call whose name has no number left, and that
        has a twin, is read from that by all.
        """
        found: dict[CallName, Found] = {call.name: (call, name)}
        unsure = set[CallName]()
        waiting = [(-call.place, call.name.base, call.name.number)]
        while waiting:
            _, base, number = heappop(waiting)
            reader = found[CallName(base, number)][0]
            for before in self._calls_before(reader):
                if before.name in found:
                    continue
                twin = self._merged(before, reader, place, found, unsure)
                if twin is not None:
                    found[before.name] = before, twin
                if isinstance(twin, CallName):
                    heappush(waiting, (-before.place, before.name.base, before.name.number))
        return self._without_unsure(found.values(), unsure)

    def _merged(
        self,
        call: NumberedCall,
        reader: NumberedCall,
        place: int,
        found: Mapping[CallName, Found],
        unsure: set[CallName],
    ) -> Twin | CallName | None:
        """Return what the twin of `reader` reads where that reads a call, None for the same.

        It is a twin that is there already, or the name of one to add. What is added without a
        number that is gone is `unsure`, unless nothing else could be read.
        """
        is_named = reader.call is not None and str(call.name) in reader.call.takes
        is_read = is_named or (reader.name, call.name) in self._copied
        if is_read and self._others[call.name] > 0:
            self._others[call.name] -= 1
            unsure.discard(reader.name)
            return None
        after = (twin for each, twin in found.values() if each.name.base == call.name.base)
        names = [twin.number for twin in after if isinstance(twin, CallName)]
        taken = self._take(call, place, min(names, default=None))
        if taken is not None:
            return taken
        twins = self.twins.of(call.name)
        if is_named and self._is_shared(call, place):
            return twins[-1]
        if not self._may_be_gone(call, reader, place):
            return twins[-1] if twins else None
        if not is_named or reader.name in unsure:
            unsure.add(call.name)
        return self.free.invent(call.name.base)

    def _take(self, call: NumberedCall, place: int, end: int | None = None) -> CallName | None:
        """Return the name of a call that is gone and may be the twin of one, None if none may."""
        return self.free.take(call, place, [twin.name for twin in self.twins.of(call.name)], end)

    def _is_shared(self, call: NumberedCall, place: int) -> bool:
        """Whether a call is read from the last twin of it: as often as itself is read."""
        twins = self.twins.of(call.name)
        if not twins:
            return False
        is_last = self.numbering.is_last(call.name.base, place)
        return not is_last or self.twins.reads[twins[-1].name] < self.numbering.users(call.name)

    def _may_be_gone(self, call: NumberedCall, reader: NumberedCall, place: int) -> bool:
        """Whether a call may have a twin of which the file would not tell: the last of its name."""
        takes = () if reader.call is None else reader.call.takes
        is_open = True
        if str(call.name) not in takes and any(map(_is_element, takes)):
            is_open = self.numbering.has_gone(ELEMENT, place)
        return is_open and self.numbering.is_last(call.name.base, place)

    def _without_unsure(self, found: Iterable[Found], unsure: set[CallName]) -> list[Found]:
        """Leave out those calls of which only what comes before could tell, and does not."""
        kept: list[Found] = []
        sure = set[CallName]()
        for call, twin in sorted(found, key=lambda each: each[0].place):
            is_sure = (
                self.most
                or call.name not in unsure
                or any(before.name in sure for before in self._calls_before(call))
            )
            if is_sure:
                kept.append((call, twin))
                if not isinstance(twin, Twin):
                    sure.add(call.name)
                continue
            self._doubted.update(node.name for node in call.nodes if node.op in PRODUCTS)
            if twins := self.twins.of(call.name):
                kept.append((call, twins[-1]))
        return kept

    def _calls_before(self, call: NumberedCall) -> Iterator[NumberedCall]:
        """Yield the calls that make what a call reads."""
        for tensor, node in self.twins.makers(call):
            before = self.numbering.of_node[node.name]
            if _is_result(tensor, before):
                yield before

    @property
    def _others(self) -> Counter[CallName]:
        """The users of each call that are in the program, not in the file, and read no twin."""
        return self._users[0]

    @cached_property
    def _copied(self) -> frozenset[tuple[CallName, CallName]]:
        """The calls that read a removed copy of what another one makes, each with that one."""
        found = (
            (user.name, gone, self._call_of(tensor)) for user, gone, tensor in self._replaced()
        )
        return frozenset(
            (user, call.name) for user, gone, call in found if CallName.of(gone).base == "clone"
        )

    @property
    def _strays(self) -> set[str]:
        """The tensors of the program that must be of a twin, whatever their name."""
        return self._users[1]

    @cached_property
    def _users(self) -> tuple[Counter[CallName], set[str]]:
        """Count the users of each call that are in the program and not in the file.

        What is left out because it does nothing, as the copy that dropout makes, counts as there.
        Where more read a call than the program says, the last of them read one that was merged.
        So does what takes an element of a call's results that another one has taken.
        """
        left_out: dict[str, list[str]] = {}
        for _, gone, tensor in self._replaced():
            if CallName.of(gone).base != self._call_of(tensor).name.base:
                left_out.setdefault(tensor, []).append(gone)
        others, strays = Counter(self.numbering.other_users), set[str]()
        for tensor, names in left_out.items():
            call, own = self._call_of(tensor).name, list(dict.fromkeys(names))
            if _is_element(own[0]):
                strays.update(own[1:])
            elif call in others:
                others[call] -= len(own)
                strays.update(own[min(others[call], 0) + len(own) :])
        return others, strays

    def _call_of(self, tensor: str) -> NumberedCall:
        return self.numbering.of_node[self.graph.producers[tensor].name]


def _paired_alike(
    pairs: Iterable[tuple[str, str]], first: Mapping[str, str]
) -> list[tuple[str, str]]:
    """Pair what a call takes with what it reads as the first call did that took the same.

    The nodes of one call may read its tensors in another order than the call takes them.
    """
    given = list(pairs)
    tensors = [tensor for _, tensor in given]
    known = {gone: first[gone] for gone, _ in given if first.get(gone) in tensors}
    others = [tensor for tensor in tensors if tensor not in known.values()]
    if len(known) + len(others) < len(given):
        return given
    rest = iter(others)
    return [(gone, known[gone] if gone in known else next(rest)) for gone, _ in given]


def _is_result(tensor: str, call: NumberedCall) -> bool:
    """Whether a tensor is what a call makes, and not something on the way there."""
    is_named = tensor == str(call.name) or _is_element(tensor)
    return is_named or tensor in call.nodes[-1].outputs


def _is_element(name: str) -> bool:
    return CallName.of(name).base == ELEMENT
