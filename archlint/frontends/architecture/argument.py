"""Types of layer arguments, and conversion of YAML values to them."""

from __future__ import annotations

import types
from math import isfinite
from typing import Annotated, Any, Literal, TypeAlias, Union, get_args, get_origin

from msgspec import Struct

from archlint.frontends.architecture.expression import Value


class AtLeast(Struct, frozen=True):
    """The smallest value that an integer, or each integer of a list, may have."""

    minimum: int


class Between(Struct, frozen=True):
    """The closed range of a number."""

    low: float
    high: float


Count: TypeAlias = Annotated[int, AtLeast(1)]
"""A number of channels, heads, groups, ..."""

Size: TypeAlias = Annotated[int | tuple[int, ...], AtLeast(1)]
"""A kernel size, stride or dilation: one for all axes, or one per axis."""

Padding: TypeAlias = Annotated[int | tuple[int, ...], AtLeast(0)]
"""Padding: one for all sides, one per axis, or one per side (all low sides, then all high)."""

Integers: TypeAlias = tuple[int, ...]
Fraction: TypeAlias = Annotated[float, Between(0.0, 1.0)]


LARGEST = 2**40
"""The largest integer that an argument or a dimension takes: beyond the size of any memory."""


class Misfit(Exception):
    """Raised where a value has the wrong type; the text says what was expected."""


def convert(kind: Any, value: Value) -> Any:  # noqa: ANN401 - a kind is whatever an annotation may be
    """Return `value` as an argument of the kind; raises Misfit."""
    origin = get_origin(kind)
    if origin is Annotated:
        return _bounded(kind, value)
    if origin is Literal:
        if value in get_args(kind) and isinstance(value, str):
            return value
        raise Misfit("one of " + ", ".join(get_args(kind)))
    if origin in {Union, types.UnionType}:
        return _either(get_args(kind), value)
    if origin is tuple:
        if isinstance(value, tuple):
            return tuple(convert(get_args(kind)[0], item) for item in value)
        raise Misfit("a list of integers")
    return _single(kind, value)


def _single(kind: Any, value: Value) -> Any:  # noqa: ANN401 - as convert
    is_bool = isinstance(value, bool)
    if kind is bool and is_bool:
        return value
    if kind is int and not is_bool and isinstance(value, int):
        if abs(value) > LARGEST:
            raise Misfit(f"an integer up to {LARGEST}")
        return value
    if kind is int and isinstance(value, float) and value.is_integer():
        return int(value)
    if kind is float and not is_bool and isinstance(value, (int, float)):
        if not isfinite(value):
            raise Misfit("a finite number")
        return float(value)
    if kind is str and isinstance(value, str):
        return value
    if kind is types.NoneType and value is None:
        return None
    names = {bool: "true or false", int: "an integer", float: "a number", str: "a word"}
    raise Misfit(names.get(kind, "nothing"))


def _either(kinds: tuple[Any, ...], value: Value) -> Any:  # noqa: ANN401 - as convert
    expected = []
    for kind in kinds:
        try:
            return convert(kind, value)
        except Misfit as misfit:
            expected.append(str(misfit))
    raise Misfit(" or ".join(text for text in expected if text != "nothing"))


def _bounded(kind: Any, value: Value) -> Any:  # noqa: ANN401 - as convert
    base, *bounds = get_args(kind)
    converted = convert(base, value)
    numbers = converted if isinstance(converted, tuple) else (converted,)
    for bound in bounds:
        if isinstance(bound, AtLeast) and any(number < bound.minimum for number in numbers):
            raise Misfit(f"at least {bound.minimum}")
        if isinstance(bound, Between) and not all(
            bound.low <= number <= bound.high for number in numbers
        ):
            raise Misfit(f"between {bound.low:g} and {bound.high:g}")
    return converted


def describe(value: Value) -> str:
    """Format a value for a message."""
    if isinstance(value, tuple):
        return "[" + ", ".join(describe(item) for item in value) + "]"
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return str(value).lower()
    return repr(value) if isinstance(value, str) else f"{value}"
