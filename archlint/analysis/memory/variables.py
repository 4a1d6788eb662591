"""How long the program's variables keep the tensors that they name alive."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import TypeAlias

from msgspec import Struct

from archlint.analysis.memory.execution import Execution, Ran
from archlint.graph.node import Node
from archlint.graph.program.line import Target

Held: TypeAlias = tuple[str, int]
"""A tensor, and the index of the last node that runs while a variable holds it."""

# What is still read when its variable has another tensor is held by something else.
_ELSEWHERE = "a list, or a variable that was given what another one held"


class Variables(Struct, frozen=True, dict=True):
    """The variables of the functions that ran.

    One holds a tensor until it is bound to another one or until its function returns, which may be
    long after the last operator has read the tensor.
    """

    execution: Execution

    def held(self) -> Iterator[Held]:
        """Yield the tensors that variables held, when they are released."""
        if not self.execution.is_known:
            return
        for ran in self.execution.lines():
            for target, names in self._shared_out(ran):
                yield from self._bound(ran, target, names)
            if ran.returns:
                held = (name for names in ran.call.variables.values() for name in names)
                yield from ((name, ran.last) for name in held)

    def _bound(self, ran: Ran, target: Target, names: Sequence[str]) -> Iterator[Held]:
        """Bind a variable; yield what it held until then."""
        call = ran.call
        before = call.variables.get(target.name, [])
        if target.name in ran.line.reads:
            before = [*before, *self._of_other_name(ran, before)]
        if target.grows:
            listed = [name for name in names if not self._is_popped(name)]
            call.variables[target.name] = [*before, *listed]
            return
        call.variables[target.name] = [*names]
        bound_at = max(self._made_at[name] for name in names)
        for name in before:
            is_listed = self._is_read_after(name, bound_at) and not ran.line.gathers
            if is_listed and not self._is_popped(name):
                call.variables.setdefault(_ELSEWHERE, []).append(name)
            else:
                yield name, bound_at

    def _of_other_name(self, ran: Ran, before: Sequence[str]) -> list[str]:
        """Take what a variable was given that another one held, and that the line reads last.

        That is so where the line reads the variable, and nothing that it is known to hold.
        """
        elsewhere = ran.call.variables.get(_ELSEWHERE, [])
        first = min((self._made_at[name] for name in ran.call.made), default=ran.last)
        if any(self._is_read_after(name, first - 1) for name in before):
            return []
        held = [name for name in elsewhere if first <= self._last_read[name] <= ran.last]
        elsewhere[:] = [name for name in elsewhere if name not in held]
        return held

    def _shared_out(self, ran: Ran) -> Iterator[tuple[Target, Sequence[str]]]:
        """Yield the tensors of a line that each of its variables is bound to.

        These are the tensors that are read after the line, and in any case the last one. With more
        variables than tensors, the first variables of an unpacking are bound, or the variables of
        the last statements.
        """
        made, bound = ran.call.made, ran.line.targets or self._rebound(ran)
        parts = _parts(ran)
        if parts:
            yield from ((target, [name]) for target, name in parts)
            taken = {name for _, name in parts}
            made = [name for name in made if name not in taken]
            bound = tuple(target for target in bound if not target.several)
        names = [name for name in made if name == made[-1] or self._is_read_after(name, ran.last)]
        if not names or not bound:
            return
        start = 0 if bound[0].several else max(len(bound) - len(names), 0)
        first, *others = bound[start : start + len(names)]
        more = len(names) - len(others)
        yield first, names[:more]
        yield from ((target, [name]) for target, name in zip(others, names[more:], strict=True))

    def _rebound(self, ran: Ran) -> tuple[Target, ...]:
        """Return the variable that an expression on a line of its own gives a new value.

        `x = (` and `)` stand on the lines around `x.view(2, -1, 8).max(dim=1).values`: nothing
        reads what `x` held any more, and a later line that reads `x` reads the result.
        """
        call, name = ran.call, ran.call.chain
        if not call.made or not name or call.frame.code.endswith(","):
            return ()
        reader = self._next_reader(call.made[-1], ran.last)
        if reader is None or any(
            self._is_read_after(held, ran.last) for held in call.variables.get(name, ())
        ):
            return ()
        later = [
            frame
            for module, frame in self.execution.stack(reader)
            if call.may_go_on(module, frame) and frame.number > call.frame.number
        ]
        is_read = any(name in self.execution.line(frame).reads for frame in later)
        return (Target(name),) if is_read else ()

    def _next_reader(self, name: str, index: int) -> Node | None:
        """Return the first node after `index` that reads a tensor, None without one."""
        readers = self.execution.graph.consumers.get(name, ())
        return next((node for node in readers if self._made_at[node.output] > index), None)

    def _is_read_after(self, name: str, index: int) -> bool:
        return self._last_read.get(name, -1) > index

    def _is_popped(self, name: str) -> bool:
        """Whether a tensor is taken out of a list where it is read last."""
        nodes, read_at = self.execution.graph.nodes, self._last_read.get(name, -1)
        if not 0 <= read_at < len(nodes):
            return False
        stack = self.execution.stack(nodes[read_at])
        return any("pop" in self.execution.line(frame).calls for _, frame in stack)

    @cached_property
    def _last_read(self) -> dict[str, int]:
        """The index of the last node that reads each tensor; past the end for outputs."""
        graph = self.execution.graph
        last = {name: index for index, node in enumerate(graph.nodes) for name in node.inputs}
        return last | dict.fromkeys(graph.outputs, len(graph.nodes))

    @cached_property
    def _made_at(self) -> dict[str, int]:
        """The index of the node that makes each tensor."""
        nodes = enumerate(self.execution.graph.nodes)
        return {name: index for index, node in nodes for name in node.outputs}


def _parts(ran: Ran) -> list[tuple[Target, str]]:
    """Return the tensors that the variables of an unpacking are bound to, if all are known.

    These are the parts of an unpacked tensor, or the variables of the called function with the same
    names.
    """
    sharing = [target for target in ran.line.targets if target.several]
    if sharing and len(sharing) == len(ran.call.parts):
        return list(zip(sharing, ran.call.parts, strict=True))
    inner = ran.call.inner.variables if ran.call.inner else {}
    same = [(target, inner.get(target.name, [])) for target in sharing]
    if not all(names for _, names in same):
        return []
    return [(target, names[-1]) for target, names in same]
