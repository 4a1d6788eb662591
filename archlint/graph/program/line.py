"""Parses a line of the program's source: what it calls, and which variables it assigns."""

from __future__ import annotations

import ast
import re
import warnings
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from msgspec import Struct, field

# The first line of a statement that goes on: `x = layer(`. An argument has no spaces around it.
_BEGINS = re.compile(r"([\w\s,.()*\[\]]+?) (?:[-+*/@|&]|//)?= (?!=)")
# The first line of `x = (`, on the next lines `x.reshape(4)` and `.permute(1, 0)`.
_CHAINS = re.compile(r"(?!self\b)([A-Za-z_]\w*)\.\w+\(")
_LONGEST = 1000
_GROWS = frozenset({"append", "extend", "insert", "add"})
_OPERATORS = {
    ast.Add: "add",
    ast.Sub: "sub",
    ast.Mult: "mul",
    ast.Div: "div",
    ast.MatMult: "matmul",
    ast.Pow: "pow",
    ast.Mod: "remainder",
    ast.USub: "neg",
}
_COMPUTES = ast.Call | ast.BinOp | ast.UnaryOp | ast.Compare | ast.Subscript | ast.AugAssign


class Target(Struct, frozen=True):
    """A variable that is assigned, alone or as one of `several` that a value is unpacked to.

    A variable that `grows` keeps what it held, as a list that is appended to.
    """

    name: str
    several: bool = False
    grows: bool = False


class ProgramLine(Struct, frozen=True):
    """The variables that a line assigns, in order, and how often it calls each function.

    `by_variable` counts the calls of functions that are held by a variable or in a list, as in
    `layers[0](x)`. A line `gathers` if it calls a function with a comprehension, whose results no
    variable holds. `reads` are the variables that it reads.
    """

    targets: tuple[Target, ...] = ()
    calls: Mapping[str, int] = field(default_factory=dict)
    by_variable: Mapping[str, int] = field(default_factory=dict)
    gathers: bool = False
    reads: frozenset[str] = frozenset()

    def written(self, name: str) -> int:
        """Return how often the line calls something, by its name or, for "", by a variable."""
        return self.calls.get(name, 0) if name else sum(self.by_variable.values())


def program_line(code: str) -> ProgramLine:
    """Parse a line; one that cannot be parsed assigns and calls nothing.

    It may hold several statements, or be one of the lines of a longer statement: of these only the
    first assigns variables.
    """
    if code.endswith(","):  # an argument of a call of several lines
        return ProgramLine()
    statements = parsed(code)
    if statements:
        return _line(statements)
    begun = _BEGINS.match(code)
    return ProgramLine() if begun is None else program_line(f"{begun[1]} = begun()")


def statements_of(code: str) -> tuple[ProgramLine, ...]:
    """Parse each statement of a line that holds several; none for any other line."""
    statements = () if code.endswith(",") or ";" not in code else parsed(code)
    return tuple(_line([each]) for each in statements) if len(statements) > 1 else ()


def goes_on(code: str) -> bool:
    """Whether a line continues a chain of method calls on the line before."""
    return code.startswith(".")


def chained(code: str) -> str:
    """Return the variable that a chain of method calls over several lines begins with, "" for none.

    Such a chain in parentheses usually assigns a new value to the same variable.
    """
    begun = _CHAINS.match(code)
    return "" if begun is None or program_line(code).targets else begun[1]


def parsed(code: str) -> Sequence[ast.stmt]:
    """Return the statements of a line; none where it cannot be read."""
    if len(code) > _LONGEST:
        return ()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what Python says of a text that is not ours
            return ast.parse(code).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return ()


def _line(statements: Sequence[ast.stmt]) -> ProgramLine:
    bound = tuple(target for statement in _simple(statements) for target in _bound(statement))
    parts = [part for statement in statements for part in ast.walk(statement)]
    calls = Counter(filter(None, map(_called, parts)))
    names = (part for part in parts if isinstance(part, ast.Name))
    return ProgramLine(
        bound,
        calls,
        Counter(filter(None, map(_variable, parts))),
        any(map(_gathers, parts)),
        frozenset(name.id for name in names if isinstance(name.ctx, ast.Load)),
    )


def _simple(statements: Sequence[ast.stmt]) -> Iterator[ast.stmt]:
    """Yield the statements of a line, and those in the body of a loop or a condition on it."""
    for statement in statements:
        if isinstance(statement, ast.For | ast.While | ast.If | ast.With):
            if len(statement.body) == 1:
                yield from _simple(statement.body)
        else:
            yield statement


def _gathers(part: ast.AST) -> bool:
    if not isinstance(part, ast.Call):
        return False
    given = [each for argument in part.args for each in ast.walk(argument)]
    return any(isinstance(each, ast.ListComp | ast.GeneratorExp) for each in given)


def _called(part: ast.AST) -> str | None:
    """Return the function that an expression calls, also one that an operator stands for."""
    if isinstance(part, ast.BinOp | ast.AugAssign | ast.UnaryOp):
        return _OPERATORS.get(type(part.op))
    if not isinstance(part, ast.Call):
        return None
    if isinstance(part.func, ast.Attribute):
        return part.func.attr
    return part.func.id if isinstance(part.func, ast.Name) else None


def _variable(part: ast.AST) -> str | None:
    """Return the variable, or the entry of a list, that an expression calls."""
    if not isinstance(part, ast.Call) or not isinstance(part.func, ast.Name | ast.Subscript):
        return None
    return ast.unparse(part.func)


def _bound(statement: ast.stmt) -> Iterator[Target]:
    """Yield the variables that a statement assigns, unless it only renames a tensor."""
    if not any(isinstance(part, _COMPUTES) for part in ast.walk(statement)):
        return
    if isinstance(statement, ast.Assign):
        for target in statement.targets:
            yield from _named(target)
    elif isinstance(statement, ast.AnnAssign | ast.AugAssign):
        yield from _named(statement.target)
    elif isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Call):
        called = statement.value.func
        if isinstance(called, ast.Attribute) and called.attr in _GROWS:
            yield Target(ast.unparse(called.value), grows=True)


def _named(target: ast.expr, *, several: bool = False) -> Iterator[Target]:
    if isinstance(target, ast.Tuple | ast.List):
        for each in target.elts:
            yield from _named(each, several=True)
    elif isinstance(target, ast.Starred):
        yield from _named(target.value, several=several)
    elif isinstance(target, ast.Subscript):
        yield Target(ast.unparse(target.value), several, grows=True)
    else:
        yield Target(ast.unparse(target), several)
