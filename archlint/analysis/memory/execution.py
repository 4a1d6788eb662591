"""The lines of the program in the order they ran, and the tensors that each created."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from functools import cache, cached_property
from typing import TypeAlias

from msgspec import Struct, field
from msgspec.structs import replace

from archlint.graph.generated_names import is_generated_name
from archlint.graph.graph import Graph
from archlint.graph.node import Node
from archlint.graph.program.call_record import call_name, called_operator
from archlint.graph.program.calls import exported_calls
from archlint.graph.program.frames import Frame, frames
from archlint.graph.program.line import (
    ProgramLine,
    Target,
    chained,
    goes_on,
    program_line,
    statements_of,
)
from archlint.graph.program.modules import Path, module_calls

Stack: TypeAlias = tuple[tuple[Path, Frame], ...]
"""The functions that an operator was called in, each with its module."""

_FORWARD = "forward"  # the function that a call of a module runs
_BY_VARIABLE = "<variable>"  # the name of what a variable holds


class FunctionCall(Struct, eq=False, dict=True):
    """One call of a function: its current line, and the tensors created there so far.

    `parts` are tensors from unpacking another one, `called` is what it called, `inner` is its last
    call, `chain` the variable at the start of a chain of calls over several lines, and `variables`
    are the tensors that its variables hold, which `Variables` maintains. On a line of several
    statements, `statement` is the current one.
    """

    module: Path
    frame: Frame
    made: list[str] = field(default_factory=list)
    parts: list[str] = field(default_factory=list)
    called: Counter[str] = field(default_factory=Counter)
    inner: FunctionCall | None = None
    chain: str = ""
    statement: int = 0
    variables: dict[str, list[str]] = field(default_factory=dict)

    def may_go_on(self, module: Path, frame: Frame) -> bool:
        """Whether an operator may be part of the same call."""
        own = self.frame
        is_same = frame.function == own.function and frame.file == own.file
        return is_same and module == self.module

    def go_to(self, frame: Frame, statement: int = 0) -> None:
        """Go to a line, or to the same one again, or on to one of its statements."""
        self.frame, self.statement = frame, statement
        self.begin(frame)
        self.made, self.parts, self.called, self.inner = [], [], Counter(), None

    def begin(self, frame: Frame) -> None:
        """Record the variable that a chain of calls begins with, unless it is continued."""
        if not goes_on(frame.code):
            self.chain = chained(frame.code)


class Ran(Struct, frozen=True):
    """An executed line: the call of its function, and the index of its last node."""

    call: FunctionCall
    line: ProgramLine
    last: int
    returns: bool = False


class Execution(Struct, frozen=True, dict=True):
    """The execution of the program behind `graph`, reconstructed from the tracebacks of `file`."""

    graph: Graph
    file: Graph

    @cached_property
    def is_known(self) -> bool:
        """Whether the file has tracebacks."""
        return any(self._stacks.values())

    def stack(self, node: Node) -> Stack:
        """Return the functions that an operator was called in; empty without a traceback."""
        return self._stacks.get(node.name.partition("#")[0], ())

    def lines(self) -> Iterator[Ran]:
        """Yield the lines that created tensors as they end, and the last line of every call."""
        running: list[FunctionCall] = []
        last, exported = 0, ""
        for index, node in enumerate(self.graph.nodes):
            stack = self.stack(node)
            if not stack:  # exporters put constants in between, which belong to no line
                continue
            depth = _depth(running, stack)
            yield from self._returned(running, depth, last)
            before, exported, operator = exported, call_name(node), called_operator(node)
            if running:
                goes_on = bool(exported) and exported == before  # one call, as several nodes
                name = "" if goes_on else self._function(running[-1], stack[depth:]) or operator
                yield from self._went_on(running[-1], stack[depth - 1][1], name, last)
            self._enter(running, stack[depth:], operator)
            self._note(running, node)
            last = index
        yield from self._returned(running, 0, last)

    def _returned(self, running: list[FunctionCall], depth: int, last: int) -> Iterator[Ran]:
        """End the innermost calls, except the outer `depth` ones."""
        for call in reversed(running[depth:]):
            yield Ran(call, self._line_of(call), last, returns=True)
        del running[depth:]

    def _went_on(self, call: FunctionCall, frame: Frame, name: str, last: int) -> Iterator[Ran]:
        """Record that a function calls `name` in a line, which may be a new line."""
        is_new, later = call.frame != frame, self._later(call, name)
        if is_new or later or self._repeats(call, name):
            yield Ran(call, self._line_of(call), last)
            call.go_to(frame, 0 if is_new else later)
            call.statement = self._later(call, name) or call.statement
        call.called[name] += 1

    def _later(self, call: FunctionCall, name: str) -> int:
        """Return the later statement of a line that calls `name`, 0 if the current one may."""
        sought = "" if name == _BY_VARIABLE else name
        statements, now = self._statements(call.frame.code), call.statement
        if not statements or statements[now].written(sought) > call.called[name]:
            return 0
        later = range(now + 1, len(statements))
        return next((at for at in later if statements[at].written(sought)), 0)

    def _enter(self, running: list[FunctionCall], stack: Stack, operator: str) -> None:
        """Begin the calls of a stack, each with the first function that it calls."""
        for depth, (module, frame) in enumerate(stack, 1):
            call = FunctionCall(module, frame)
            call.begin(frame)
            name = self._function(call, stack[depth:]) or operator
            call.statement = self._later(call, name)
            call.called[name] += 1
            if running:
                running[-1].inner = call
            running.append(call)

    def _note(self, running: Sequence[FunctionCall], node: Node) -> None:
        """Record the outputs of a node in all active functions."""
        made = [name for name in node.outputs if name and self._is_of_program(name)]
        for call in running:
            call.made += made
        if len(node.outputs) > 1:
            running[-1].parts += made

    def _repeats(self, call: FunctionCall, name: str) -> bool:
        """Whether a line calls something more often than it is written there, so in a loop."""
        line = self.line(call.frame)
        statements = self._statements(call.frame.code)
        if statements:  # `called` counts what the current statement calls
            sought, now = "" if name == _BY_VARIABLE else name, call.statement
            is_next = statements[now].written(sought) > call.called[name]
            return not is_next and any(each.written(sought) for each in statements[: now + 1])
        if name == _BY_VARIABLE:
            found = (count for each, count in line.by_variable.items() if each not in call.called)
            written = sum(found) or None
        else:
            written = line.calls.get(name)
        return written is not None and call.called[name] >= written

    def _function(self, call: FunctionCall, inner: Stack) -> str:
        """Return the function, or the module, that is called next; "" for none.

        A module whose name is not in the line is in a variable, as in a loop over modules, whose
        names are numbers.
        """
        if not inner:
            return ""
        module, frame = inner[0]
        if frame.function != _FORWARD:
            return frame.function
        name = module[-1] if module else ""
        return name if name in self.line(call.frame).calls else _BY_VARIABLE

    def _line_of(self, call: FunctionCall) -> ProgramLine:
        """Return the current line of a call, with the bindings of a chain of several lines."""
        statements = self._statements(call.frame.code)
        line = statements[call.statement] if statements else self.line(call.frame)
        if call.chain and goes_on(call.frame.code):
            return replace(line, targets=(Target(call.chain),))
        return line

    def line(self, frame: Frame) -> ProgramLine:
        """Return the current line of a function."""
        return self._parsed(frame.code)

    @cached_property
    def _parsed(self) -> Callable[[str], ProgramLine]:
        return cache(program_line)

    @cached_property
    def _statements(self) -> Callable[[str], tuple[ProgramLine, ...]]:
        return cache(statements_of)

    @cached_property
    def _stacks(self) -> dict[str, Stack]:
        return {node.name: tuple(_stack(node)) for node in self.file.nodes}

    def _is_of_program(self, name: str) -> bool:
        """Whether a tensor belongs to the program, and is not a size that the exporter computes.

        Nor is it a step inside of a call, where the file tells which calls there were.
        """
        dtype = self.graph.values[name].dtype
        if dtype is None or not is_generated_name(name):
            return dtype is not None
        return dtype.is_float and name not in self._steps

    @cached_property
    def _steps(self) -> frozenset[str]:
        """What calls of several nodes make besides their results, which have the call's name."""
        calls = [call for call in exported_calls(self.file) if len(call.nodes) > 1]
        made = [(call.name, name) for call in calls for node in call.nodes for name in node.outputs]
        named = {call for call, name in made if name == call}
        return frozenset(name for call, name in made if call in named and name != call)


def _stack(node: Node) -> Iterator[tuple[Path, Frame]]:
    """Yield the functions that an operator was called in; the network itself has no name."""
    modules: Sequence[Path] = ((), *module_calls(node))
    at = -1
    for frame in frames(node):
        at = min(at + (frame.function == _FORWARD), len(modules) - 1)
        yield modules[max(at, 0)], frame


def _depth(running: Sequence[FunctionCall], stack: Stack) -> int:
    """Return how many of the active functions continue."""
    for at, (call, (module, frame)) in enumerate(zip(running, stack, strict=False)):
        if not call.may_go_on(module, frame):
            return at
        if call.frame != frame:  # it is at another line, so what it had called has returned
            return at + 1
    return min(len(running), len(stack))
