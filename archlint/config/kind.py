"""Kinds of setting values: how each is read, validated and described."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Protocol

from msgspec import Struct, field

from archlint.config.error import ConfigError, Errors
from archlint.errors import did_you_mean
from archlint.quantity import WRITTEN, QuantityError

Schema = dict[str, object]
LARGEST = 2**63 - 1  # the largest dimension that ONNX can hold


class Kind(Protocol):
    """How the value of a setting is read.

    `read` takes plain data from TOML or YAML, or the text of a command-line argument, returns
    what the target holds, and raises `ConfigError` for anything else.
    """

    def read(self, value: object) -> object:
        """Return the typed value."""

    def schema(self) -> Schema:
        """Return the JSON Schema of what `read` takes from a file."""


class Text(Struct, frozen=True):
    """Any text that is not empty."""

    expected: str = "text"

    def read(self, value: object) -> str:
        """Return the text."""
        if not isinstance(value, str) or not value.strip():
            raise wrong(value, self.expected)
        return value.strip()

    def schema(self) -> Schema:
        """Return the JSON Schema."""
        return {"type": "string", "minLength": 1}


class Choice(Struct, frozen=True):
    """One of a few words."""

    words: tuple[str, ...]

    def read(self, value: object) -> str:
        """Return the word."""
        if not isinstance(value, str):
            raise wrong(value, f"one of {', '.join(self.words)}")
        if value not in self.words:
            hint = did_you_mean(value, self.words)
            raise ConfigError(
                f"{value!r} is not known{hint}", help=f"one of {', '.join(self.words)}"
            )
        return value

    def schema(self) -> Schema:
        """Return the JSON Schema."""
        return {"enum": list(self.words)}


class Flag(Struct, frozen=True):
    """Yes or no."""

    def read(self, value: object) -> bool:
        """Return the truth value; the command line writes it as a word."""
        if isinstance(value, bool):
            return value
        if value in ("true", "false"):  # not a set: a list has no hash
            return value == "true"
        raise wrong(value, "true or false")

    def schema(self) -> Schema:
        """Return the JSON Schema."""
        return {"type": "boolean"}


class Whole(Struct, frozen=True):
    """A whole number, at least `minimum`."""

    minimum: int = 0

    def read(self, value: object) -> int:
        """Return the number; text of digits is accepted too, for the command line."""
        number = value
        if isinstance(value, str) and value.strip().isascii() and value.strip().isdigit():
            number = int(value) if len(value) <= len(str(LARGEST)) else LARGEST + 1
        if isinstance(number, bool) or not isinstance(number, int):
            raise wrong(value, f"a whole number, at least {self.minimum}")
        if number < self.minimum:
            raise wrong(value, f"a whole number, at least {self.minimum}")
        if number > LARGEST:
            raise wrong(value, f"a whole number, at most {LARGEST}")
        return number

    def schema(self) -> Schema:
        """Return the JSON Schema."""
        return {"type": "integer", "minimum": self.minimum}


class Real(Struct, frozen=True):
    """A number between two bounds, inclusive; with `below`, the upper bound is exclusive."""

    minimum: float = 0.0
    maximum: float = math.inf
    below: bool = False

    def read(self, value: object) -> float:
        """Return the number; text is accepted too, for the command line and YAML's `1e-3`."""
        try:
            number = float(value) if isinstance(value, int | float | str) else math.nan
        except (ValueError, OverflowError):
            number = math.nan
        if isinstance(value, bool) or not self.minimum <= number <= self.maximum:
            raise wrong(value, self._expected())
        if math.isinf(number) or (self.below and number == self.maximum):
            raise wrong(value, self._expected())
        return number

    def schema(self) -> Schema:
        """Return the JSON Schema."""
        bounds: Schema = {"type": "number", "minimum": self.minimum}
        if math.isinf(self.maximum):
            return bounds
        return {**bounds, "exclusiveMaximum" if self.below else "maximum": self.maximum}

    def _expected(self) -> str:
        if math.isinf(self.maximum):
            return f"a number, at least {self.minimum:g}"
        if self.below:
            return f"a number, at least {self.minimum:g} and below {self.maximum:g}"
        return f"a number from {self.minimum:g} to {self.maximum:g}"


class Quantity(Struct, frozen=True):
    """An amount with a unit, read by one of the parsers of `archlint.quantity`."""

    parse: Callable[[object], float]

    def read(self, value: object) -> float:
        """Return the amount in its base unit."""
        try:
            return self.parse(value)
        except QuantityError as error:
            raise ConfigError(str(error)) from None

    def schema(self) -> Schema:
        """Return the JSON Schema."""
        return {
            "anyOf": [
                {"type": "number", "minimum": 0},
                {"type": "string", "pattern": f"^{WRITTEN}$"},
            ]
        }


class Several(Struct, frozen=True):
    """A list of values of one kind; `length` of them if given."""

    item: Kind
    length: int | None = None

    def read(self, value: object) -> tuple[object, ...]:
        """Return the values; the command line separates them by commas, or writes TOML's list."""
        values = _items(value) if isinstance(value, str) else value
        if not isinstance(values, list | tuple):
            raise wrong(value, "a list")
        if self.length is not None and len(values) != self.length:
            raise ConfigError(f"expected a list of {self.length}, not of {len(values)}")
        return tuple(_read_each(self.item, enumerate(values)).values())

    def schema(self) -> Schema:
        """Return the JSON Schema."""
        schema: Schema = {"type": "array", "items": self.item.schema()}
        if self.length is not None:
            schema |= {"minItems": self.length, "maxItems": self.length}
        return schema


class ByName(Struct, frozen=True):
    """A table of values of one kind; the user chooses the names."""

    item: Kind
    names: Kind = field(default_factory=Text)

    def read(self, value: object) -> Mapping[str, object]:
        """Return the values by name; the command line writes `N=32,T=128`."""
        if isinstance(value, str):
            value = dict(_assignment(part) for part in value.split(","))
        if not isinstance(value, Mapping):
            raise wrong(value, "a table")
        read = _read_each(self.item, value.items())
        return {str(self.names.read(name)): item for name, item in read.items()}

    def schema(self) -> Schema:
        """Return the JSON Schema."""
        return {"type": "object", "additionalProperties": self.item.schema()}


def _items(text: str) -> object:
    """Return the items of a list on the command line: `a,b`, or `["a", "b"]` as in a file."""
    if not (text.startswith("[") and text.endswith("]")):
        return text.split(",")
    import tomllib

    try:
        return tomllib.loads(f"items = {text}")["items"]
    except tomllib.TOMLDecodeError:
        raise wrong(text, 'a list, as a,b or ["a", "b"]') from None


def wrong(value: object, expected: str) -> ConfigError:
    """Return the error for a value that is not what was expected."""
    shown = "true" if value is True else "false" if value is False else repr(value)
    if not isinstance(value, str | int | float):
        shown = "nothing" if value is None else f"a {_noun(value)}"
    return ConfigError(f"expected {expected}, not {shown if len(shown) <= 60 else 'this'}")


def _noun(value: object) -> str:
    if isinstance(value, Mapping):
        return "table"
    return "list" if isinstance(value, list | tuple) else type(value).__name__


def _read_each(kind: Kind, values: Iterable[tuple[Any, object]]) -> dict[Any, object]:
    """Read values by their keys; raises `ConfigError` for all that are wrong."""
    read, errors = {}, Errors()
    for key, value in values:
        with errors.at(key):
            read[key] = kind.read(value)
    errors.check()
    return read


def _assignment(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name.strip() or not value.strip():
        raise wrong(text, "NAME=VALUE")
    return name.strip(), value.strip()
