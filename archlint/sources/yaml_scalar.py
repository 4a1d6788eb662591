"""Resolves plain scalars by YAML 1.2, and detects those that YAML 1.1 reads otherwise."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from archlint.sources.yaml_node import Scalar

Plain: TypeAlias = str | int | float | bool | None

_NULL = {"", "~", "null", "Null", "NULL"}
_BOOLEANS = {
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_YAML_1_1_BOOLEANS = {"yes": True, "on": True, "no": False, "off": False}
_INTEGER = re.compile(r"[-+]?[0-9]+(_[0-9]+)*\Z")
_BASED = re.compile(r"0x[0-9a-fA-F]+\Z|0o[0-7]+\Z")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(_[0-9]+)*(\.[0-9]*)?)([eE][-+]?[0-9]+)?\Z")
_SPECIAL = re.compile(r"[-+]?\.(inf|Inf|INF)\Z|\.(nan|NaN|NAN)\Z")
_LEADING_ZERO = re.compile(r"[-+]?0[0-9_]+\Z")
_SEXAGESIMAL = re.compile(r"[-+]?[0-9]+(:[0-5]?[0-9])+(\.[0-9]*)?\Z")
_LONGEST_NUMBER = 40


def value(scalar: Scalar) -> Plain:
    """Return the value of a scalar; the bare words yes, no, on and off count as booleans.

    Numbers follow YAML 1.2, so `1e-3` is a number, and take underscores between digits.
    """
    text = scalar.text
    if not scalar.plain:
        return text
    if is_null(scalar):
        return None
    if text in _BOOLEANS:
        return _BOOLEANS[text]
    if is_yaml_1_1_boolean(scalar):
        return _YAML_1_1_BOOLEANS[text.lower()]
    return text if len(text) > _LONGEST_NUMBER else _number(text)


def is_null(scalar: Scalar) -> bool:
    """Whether a scalar is null: the word, a tilde, or nothing at all."""
    return scalar.plain and scalar.text in _NULL


def _number(text: str) -> Plain:
    if _INTEGER.match(text):
        return int(text)
    if _BASED.match(text):
        return int(text, 0)
    if _FLOAT.match(text):
        return float(text)
    if _SPECIAL.match(text):
        return float(text.lower().replace(".", ""))
    return text


def is_yaml_1_1_boolean(scalar: Scalar) -> bool:
    """Whether YAML 1.1 reads a boolean where YAML 1.2 reads a word."""
    text = scalar.text
    return (
        scalar.plain
        and text.lower() in _YAML_1_1_BOOLEANS
        and text in {text.lower(), text.upper(), text.capitalize()}
    )


def is_yaml_1_1_number(scalar: Scalar) -> bool:
    """Whether YAML 1.1 reads a different number than YAML 1.2: octal `010` or base 60 `1:30`."""
    return scalar.plain and bool(
        _LEADING_ZERO.match(scalar.text) or _SEXAGESIMAL.match(scalar.text)
    )
