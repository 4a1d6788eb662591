"""Evaluates arithmetic such as `$width` and `${width * 2}` without `eval`."""

from __future__ import annotations

import ast
import math
import operator
import re
from collections.abc import Callable, Mapping
from typing import TypeAlias

from archlint.errors import did_you_mean

Value: TypeAlias = "int | float | bool | str | tuple[Value, ...] | None"
Names: TypeAlias = Mapping[str, Value]

_REFERENCE = re.compile(r"\$(?:([A-Za-z_]\w*)|\{([^{}]*)\})")
_LONGEST = 300
_LARGEST = 2**63

_OPERATORS: dict[type[ast.operator], Callable[[float, float], float]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Pow: operator.pow,
}
_COMPARISONS: dict[type[ast.cmpop], Callable[[object, object], bool]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,  # type: ignore[dict-item]  # operands are checked where they are compared
    ast.LtE: operator.le,  # type: ignore[dict-item]
    ast.Gt: operator.gt,  # type: ignore[dict-item]
    ast.GtE: operator.ge,  # type: ignore[dict-item]
    ast.In: lambda item, items: item in items,  # type: ignore[operator]
    ast.NotIn: lambda item, items: item not in items,  # type: ignore[operator]
}
_FUNCTIONS: dict[str, Callable[..., Value]] = {
    "abs": abs,
    "ceil": math.ceil,
    "float": float,
    "floor": math.floor,
    "int": int,
    "len": len,
    "log2": math.log2,
    "max": max,
    "min": min,
    "round": round,
    "sqrt": math.sqrt,
}


class ExpressionError(Exception):
    """Raised for an expression that cannot be evaluated; the text says why."""


def has_reference(text: str) -> bool:
    """Whether a scalar's text holds `$name` or `${...}`."""
    return "$" in text


def substitute(text: str, names: Names) -> Value:
    """Return the value of a scalar's text with its `$name` and `${...}` parts evaluated.

    A text that is one such part as a whole keeps the type of its value; otherwise the values are
    put into the text. Raises ExpressionError.
    """
    whole = _REFERENCE.fullmatch(text)
    if whole:
        return evaluate(whole[1] or whole[2], names)
    if "$" in _REFERENCE.sub("", text):
        raise ExpressionError(
            f"{text!r} contains a $ that starts neither $name nor ${{expression}}"
        )
    return _REFERENCE.sub(lambda part: str(evaluate(part[1] or part[2], names)), text)


def evaluate(text: str, names: Names) -> Value:
    """Return the value of an expression over `names`; raises ExpressionError."""
    if len(text) > _LONGEST:
        raise ExpressionError(f"the expression is longer than {_LONGEST} characters")
    try:
        tree = ast.parse(text.strip(), mode="eval")
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise ExpressionError(f"{text.strip()!r} is not an expression") from error
    try:
        return _value(tree.body, names)
    except ExpressionError:
        raise
    except (ArithmeticError, LookupError, TypeError, ValueError, RecursionError) as error:
        raise ExpressionError(f"{text.strip()!r} cannot be evaluated: {error}") from error


def _value(node: ast.expr, names: Names) -> Value:  # noqa: C901, PLR0911 - one case a kind of node
    match node:
        case ast.Constant(value=int() | float() | str() as constant):
            return constant
        case ast.Name(id=name):
            return _named(name, names)
        case ast.List(elts=items) | ast.Tuple(elts=items):
            return tuple(_value(item, names) for item in items)
        case ast.BinOp(left=left, op=kind, right=right) if type(kind) in _OPERATORS:
            return _arithmetic(kind, _value(left, names), _value(right, names))
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return -_number(_value(operand, names))
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            return not _value(operand, names)
        case ast.BoolOp(op=ast.And(), values=items):
            return all(_value(item, names) for item in items)
        case ast.BoolOp(op=ast.Or(), values=items):
            return any(_value(item, names) for item in items)
        case ast.IfExp(test=test, body=body, orelse=other):
            return _value(body if _value(test, names) else other, names)
        case ast.Compare(left=left, ops=kinds, comparators=others):
            return _compare(left, kinds, others, names)
        case ast.Subscript(value=items, slice=index):
            return _item(_value(items, names), _value(index, names))
        case ast.Call(func=ast.Name(id=function), args=arguments, keywords=[]):
            return _call(function, [_value(argument, names) for argument in arguments])
    raise ExpressionError(f"{ast.unparse(node)!r} is not allowed in an expression")


def _named(name: str, names: Names) -> Value:
    if name in names:
        return names[name]
    literals = {"true": True, "false": False, "none": None, "null": None}
    if name.lower() in literals:
        return literals[name.lower()]
    raise ExpressionError(f"unknown name {name!r}{did_you_mean(name, names)}")


def _number(value: Value) -> int | float:
    if isinstance(value, (int, float)):
        return value
    raise ExpressionError(f"{value!r} is not a number")


def _arithmetic(kind: ast.operator, left: Value, right: Value) -> Value:
    first, second = _number(left), _number(right)
    if isinstance(kind, ast.Pow) and abs(second) > 64:
        raise ExpressionError("a power is too large")
    result = _OPERATORS[type(kind)](first, second)
    if isinstance(result, complex) or abs(result) >= _LARGEST:
        raise ExpressionError("a number is too large")
    return result


def _compare(left: ast.expr, kinds: list[ast.cmpop], others: list[ast.expr], names: Names) -> bool:
    first = _value(left, names)
    for kind, other in zip(kinds, others, strict=True):
        if type(kind) not in _COMPARISONS:
            raise ExpressionError("'is' is not allowed in an expression, use ==")
        second = _value(other, names)
        if not _COMPARISONS[type(kind)](first, second):
            return False
        first = second
    return True


def _item(items: Value, index: Value) -> Value:
    if not isinstance(items, tuple) or not isinstance(index, int):
        raise ExpressionError("[...] takes an item of a list by its index")
    if not -len(items) <= index < len(items):
        raise ExpressionError(f"item {index} of a list of {len(items)}")
    return items[index]


def _call(function: str, arguments: list[Value]) -> Value:
    if function not in _FUNCTIONS:
        known = did_you_mean(function, _FUNCTIONS)
        raise ExpressionError(f"unknown function {function!r}{known}")
    return _FUNCTIONS[function](*arguments)
