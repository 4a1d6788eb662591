"""Plain values of YAML nodes, with expressions evaluated."""

from __future__ import annotations

from math import isfinite
from typing import TYPE_CHECKING

from archlint.frontends.architecture.expression import (
    ExpressionError,
    Names,
    Value,
    has_reference,
    substitute,
)
from archlint.sources.yaml_node import Mapping, Node, Sequence, resolve
from archlint.sources.yaml_scalar import value as scalar_value

if TYPE_CHECKING:
    from archlint.sources.span import Span


class Invalid(Exception):
    """Raised for a node without a valid value; `span` is the text to point at."""

    def __init__(self, span: Span, message: str, help: str = "") -> None:
        super().__init__(message)
        self.span = span
        self.message = message
        self.help = help


def node_value(node: Node, names: Names) -> Value:
    """Return the value of a scalar or a list; raises Invalid."""
    inside = resolve(node)
    if isinstance(inside, Sequence):
        return tuple(node_value(item, names) for item in inside.items)
    if isinstance(inside, Mapping):
        raise Invalid(node.span, "found a mapping where a single value is expected")
    if not has_reference(inside.text):
        return scalar_value(inside)
    try:
        return substitute(inside.text, names)
    except ExpressionError as error:
        raise Invalid(node.span, str(error)) from error


def node_boolean(node: Node, names: Names, what: str) -> bool:
    """Return the value of a node that must be true or false; raises Invalid."""
    value = node_value(node, names)
    if isinstance(value, bool):
        return value
    raise Invalid(node.span, f"{what} is {value!r}, expected true or false")


def node_integer(node: Node, names: Names, what: str, least: int, largest: int) -> int:
    """Return the value of a node that must be an integer in a range; raises Invalid."""
    value = node_value(node, names)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= largest:
        raise Invalid(
            node.span, f"{what} is {value!r}, expected an integer from {least} to {largest}"
        )
    return value


def node_number(node: Node, names: Names, what: str) -> float:
    """Return the value of a node that must be a number; raises Invalid."""
    value = node_value(node, names)
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not isfinite(value):
        raise Invalid(node.span, f"{what} is {value!r}, expected a number")
    return float(value)


def node_word(node: Node, what: str) -> str:
    """Return the text of a node that must be a word; raises Invalid."""
    inside = resolve(node)
    if isinstance(inside, (Mapping, Sequence)) or not inside.text:
        raise Invalid(node.span, f"{what} is a word")
    return inside.text
