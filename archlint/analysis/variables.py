"""How long the variables of a program hold the tensors that they name."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import field
from functools import cached_property
from typing import TypeAlias

from archlint.graph.frames import Frame, frames, operator_name
from archlint.graph.graph import Graph
from archlint.graph.modules import Path, module_calls
from archlint.graph.node import Node
from archlint.graph.statement import Line, Target, parsed
from archlint.record import record

Held: TypeAlias = tuple[str, int]

_LISTS = "lists, and variables that were bound to what another one held"
_FORWARD = "forward"  # the function that a call of a module runs


@record(slots=False, frozen=False, eq=False)
class _Running:
    """One call of a function: the line that it is at, what was made there, and its variables."""

    module: Path
    frame: Frame
    made: list[str] = field(default_factory=list)
    parts: list[str] = field(default_factory=list)
    called: Counter[str] = field(default_factory=Counter)
    variables: dict[str, list[str]] = field(default_factory=dict)

    def goes_on(self, module: Path, frame: Frame) -> bool:
        """Whether an operator may be part of the same call."""
        before = self.frame
        is_same = frame.function == before.function and frame.file == before.file
        return is_same and module == self.module


@record(slots=False)
class Variables:
    """The variables of the functions that ran the nodes of `graph`, as the `file`'s nodes tell.

    A variable holds a tensor until it is bound to another one or until its function returns, which
    may be long after the last operator has read the tensor. Exporters that write a traceback for
    each operator tell the line, and so the variable that it binds.
    """

    graph: Graph
    file: Graph

    def known(self, node: Node) -> bool:
        """Whether the file tells the functions that an operator was called in."""
        return bool(self._stacks.get(node.name.partition("#")[0]))

    def held(self) -> Iterator[Held]:
        """Yield tensors, each with the index of the last node that runs while it is held."""
        if not any(self._stacks.values()):
            return
        running: list[_Running] = []
        last = 0
        for index, node in enumerate(self.graph.nodes):
            stack = self._stacks.get(node.name.partition("#")[0], ())
            if not stack:  # exporters put constants in between, which belong to no line
                continue
            going_on = _going_on(running, stack)
            for call in reversed(running[going_on:]):
                yield from self._returned(call, last)
            del running[going_on:]
            if running:
                call, frame = running[-1], stack[going_on - 1][1]
                name = _called(node, stack[going_on:])
                if call.frame != frame or self._repeats(call, name):
                    yield from self._bound(call, last)
                    call.frame = frame
                call.called[name] += 1
            running += (_Running(module, frame) for module, frame in stack[going_on:])
            made = [name for name in node.outputs if name and self._is_float(name)]
            for call in running:
                call.made += made
            if len(node.outputs) > 1:
                running[-1].parts += made
            last = index
        for call in reversed(running):
            yield from self._returned(call, last)

    def _returned(self, call: _Running, last: int) -> Iterator[Held]:
        yield from self._bound(call, last)
        for names in call.variables.values():
            yield from ((name, last) for name in names)

    def _bound(self, call: _Running, last: int) -> Iterator[Held]:
        """Bind what a line made to its variables; yield what these held until then."""
        shared_out = [*self._shared_out(call, last)]
        call.made.clear()
        call.parts.clear()
        call.called.clear()
        for target, names in shared_out:
            before = call.variables.get(target.name, [])
            if target.grows:
                before.extend(names)
                names = before
            else:
                bound_at = max(self._made_at[name] for name in names)
                for name in before:
                    if self._is_listed(name, bound_at):
                        call.variables.setdefault(_LISTS, []).append(name)
                    else:
                        yield name, bound_at
            call.variables[target.name] = names

    def _shared_out(self, call: _Running, last: int) -> Iterator[tuple[Target, Sequence[str]]]:
        """Yield which tensors of those that a line made each of its variables is bound to.

        It is what others read after the line, the last one in any case, and the parts of one that
        is taken apart. Where there are more variables than tensors, the first ones of several that
        share a value are bound, and the last ones of several statements.
        """
        bound = self._line(call.frame.code).targets
        parts = [target for target in bound if target.several]
        if parts and len(parts) == len(call.parts):
            yield from zip(parts, ([name] for name in call.parts), strict=True)
            bound = tuple(target for target in bound if not target.several)
            call.made = [name for name in call.made if name not in call.parts]
        names = [
            name
            for name in call.made
            if name == call.made[-1] or self._last_read.get(name, -1) > last
        ]
        if bound and names:
            missing = max(len(bound) - len(names), 0)
            start = 0 if bound[0].several else missing
            bound = bound[start : start + len(names)]
            surplus = len(names) - len(bound)
            yield bound[0], names[: surplus + 1]
            for target, name in zip(bound[1:], names[surplus + 1 :], strict=True):
                yield target, [name]

    @cached_property
    def _last_read(self) -> dict[str, int]:
        """The index of the last node that reads each tensor; past the end for outputs."""
        nodes = self.graph.nodes
        last = {name: index for index, node in enumerate(nodes) for name in node.inputs}
        return last | dict.fromkeys(self.graph.outputs, len(nodes))

    def _is_listed(self, name: str, bound_at: int) -> bool:
        """Whether a tensor is read when its variable has another: something else holds it."""
        read_at = self._last_read.get(name, -1)
        if not bound_at < read_at < len(self.graph.nodes):
            return False
        stack = self._stacks.get(self.graph.nodes[read_at].name.partition("#")[0], ())
        return not any("pop" in self._line(frame.code).calls for _, frame in stack)

    @cached_property
    def _made_at(self) -> dict[str, int]:
        """The index of the node that makes each tensor."""
        return {
            name: index for index, node in enumerate(self.graph.nodes) for name in node.outputs
        }

    @cached_property
    def _stacks(self) -> dict[str, tuple[tuple[Path, Frame], ...]]:
        """The calls that each node of the file is part of, from the outermost on."""
        return {node.name: tuple(_stack(node)) for node in self.file.nodes}

    def _repeats(self, call: _Running, name: str) -> bool:
        """Whether a line calls something more often than it is written there: it is in a loop."""
        return call.called[name] >= self._line(call.frame.code).calls.get(name, len(self.file.nodes))

    def _line(self, code: str) -> Line:
        if code not in self._parsed:
            self._parsed[code] = parsed(code)
        return self._parsed[code]

    @cached_property
    def _parsed(self) -> dict[str, Line]:
        return {}

    def _is_float(self, name: str) -> bool:
        dtype = self.graph.values[name].dtype
        return dtype is not None and dtype.is_float


def _stack(node: Node) -> Iterator[tuple[Path, Frame]]:
    """Yield the functions that an operator was called in, each with the module that it works for.

    The outermost function is that of the network itself, which has no name.
    """
    modules: Sequence[Path] = ((), *module_calls(node))
    at = -1
    for frame in frames(node):
        at = min(at + (frame.function == _FORWARD), len(modules) - 1)
        yield modules[max(at, 0)], frame


def _going_on(running: Sequence[_Running], stack: Sequence[tuple[Path, Frame]]) -> int:
    """Return how many of the functions that were running go on running."""
    for at, (call, (module, frame)) in enumerate(zip(running, stack, strict=False)):
        if not call.goes_on(module, frame):
            return at
        if call.frame != frame:  # it is at another line, so what it had called has returned
            return at + 1
    return min(len(running), len(stack))


def _called(node: Node, inner: Sequence[tuple[Path, Frame]]) -> str:
    """Return what a function calls where an operator runs: another function, or the operator."""
    if not inner:
        return operator_name(node)
    module, frame = inner[0]
    if frame.function != _FORWARD or not module:
        return frame.function
    return next((part for part in reversed(module) if not part.isdecimal()), "")
