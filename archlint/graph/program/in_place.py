"""Whether the program called a function in place, judged by the line that called it."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from archlint.graph.program.frames import source_line
from archlint.graph.program.line import parsed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from archlint.graph.node import Node

_KEYWORD = "inplace"
# The functions of PyTorch that may overwrite their input, and the place of the argument for it.
_PLACES = {"relu": 1, "leaky_relu": 2, "elu": 2, "celu": 2, "selu": 1}


def called_in_place(node: Node) -> bool | None:
    """Return whether the program line that called an operator makes it overwrite its input.

    None where no line is recorded, where the line calls no such function, or where a variable
    decides it, as in the modules of PyTorch.
    """
    said = set(_said(source_line(node)))
    return said.pop() if len(said) == 1 else None


def _said(code: str) -> Iterator[bool | None]:
    for part in (part for statement in parsed(code) for part in ast.walk(statement)):
        if isinstance(part, ast.Call):
            name = _name(part.func)
            if name.removesuffix("_") in _PLACES:
                yield True if name.endswith("_") else _argument(part, _PLACES[name])


def _name(called: ast.expr) -> str:
    """Return the last name of what is called, "" where it has none."""
    if isinstance(called, ast.Attribute):
        return called.attr
    return called.id if isinstance(called, ast.Name) else ""


def _argument(call: ast.Call, place: int) -> bool | None:
    """Return whether a call works in place; by default it does not, None if a variable decides."""
    given = [word.value for word in call.keywords if word.arg in (_KEYWORD, None)]
    given += call.args[place : place + 1]
    given += [each for each in call.args if isinstance(each, ast.Starred)]
    if not given:
        return False
    is_told = len(given) == 1 and isinstance(given[0], ast.Constant)
    return bool(given[0].value) if is_told and isinstance(given[0], ast.Constant) else None
