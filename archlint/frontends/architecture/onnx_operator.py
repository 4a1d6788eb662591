"""Layers named `onnx.OPERATOR`: any ONNX operator for which there is no layer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import onnx

from archlint.errors import did_you_mean
from archlint.frontends.architecture.argument import describe
from archlint.frontends.architecture.value import Invalid, node_value

if TYPE_CHECKING:
    from archlint.frontends.architecture.expression import Names, Value
    from archlint.frontends.architecture.item import Item
    from archlint.frontends.architecture.site import Site
    from archlint.frontends.architecture.tensor import Tensor
    from archlint.sources.yaml_node import Entry

PREFIX = "onnx."
_TYPES = onnx.defs.OpSchema.AttrType
_KINDS: dict[Any, tuple[type, bool]] = {
    _TYPES.INT: (int, False),
    _TYPES.FLOAT: (float, False),
    _TYPES.STRING: (str, False),
    _TYPES.INTS: (int, True),
    _TYPES.FLOATS: (float, True),
    _TYPES.STRINGS: (str, True),
}


def build_operator(
    site: Site, item: Item, inputs: list[Tensor], names: Names
) -> tuple[Tensor, ...]:
    """Add the operator; its arguments are attributes, or inputs with constant values.

    Raises Invalid for arguments that the operator does not have, Rejected for wrong shapes.
    """
    schema = _schema(item)
    attributes: dict[str, Any] = {}
    operands: list[Tensor | None] = list(inputs)
    slots = [formal.name for formal in schema.inputs]
    free = slots[len(inputs) :]
    for entry in item.argument_entries():
        word = entry.key.text
        value = node_value(entry.value, names)
        if word in schema.attributes:
            attributes[word] = _attribute(schema.attributes[word], entry, value)
        elif word in free:
            slot = slots.index(word)
            operands += [None] * (slot + 1 - len(operands))
            operands[slot] = _stored(site, word, entry, value)
        else:
            near = did_you_mean(word, [*schema.attributes, *free])
            raise Invalid(entry.key.span, f"{schema.name} has no attribute {word!r}{near}")
    _check_complete(schema, item, len(operands), attributes)
    count = attributes.get("num_outputs", max(schema.min_output, 1))
    return site.nodes(schema.name, *operands, outputs=count, **attributes)


def _schema(item: Item) -> onnx.defs.OpSchema:
    operator = item.layer.removeprefix(PREFIX)
    if onnx.defs.has(operator):
        return onnx.defs.get_schema(operator)
    known = {schema.name for schema in onnx.defs.get_all_schemas() if schema.domain == ""}
    near = did_you_mean(operator, known)
    raise Invalid(item.word.span, f"ONNX has no operator {operator!r}{near}")


def _check_complete(
    schema: onnx.defs.OpSchema, item: Item, operands: int, attributes: dict[str, Any]
) -> None:
    """Raise Invalid where the operator gets too few or too many inputs, or lacks an attribute."""
    least, most = schema.min_input, schema.max_input
    if not least <= operands <= most:
        wanted = f"{least}" if least == most else f"{least} or more"
        slots = ", ".join(formal.name for formal in schema.inputs)
        raise Invalid(
            item.argument_span("from"),
            f"{schema.name} takes {wanted} inputs, found {operands}",
            f"they are called {slots}; those of fixed numbers can be given as arguments",
        )
    required = [name for name, one in schema.attributes.items() if one.required]
    missing = [name for name in required if name not in attributes]
    if missing:
        raise Invalid(item.word.span, f"{schema.name} needs {', '.join(missing)}")


def _attribute(attribute: onnx.defs.OpSchema.Attribute, entry: Entry, value: Value) -> Any:  # noqa: ANN401 - attributes are of many types
    kind, is_list = _KINDS.get(attribute.type, (None, False))
    if kind is None:
        raise Invalid(entry.key.span, f"{attribute.name} cannot be written in this language")
    values = value if isinstance(value, tuple) else (value,)
    made = [_converted(kind, one) for one in values]
    if None in made or (isinstance(value, tuple) and not is_list):
        plural = f"a list of {kind.__name__}" if is_list else kind.__name__
        raise Invalid(entry.value.span, f"{attribute.name} is {describe(value)}, expected {plural}")
    return made if is_list else made[0]


def _converted(kind: type, value: Value) -> int | float | str | None:
    if kind is int and isinstance(value, int):
        return int(value)
    if kind is float and isinstance(value, (int, float)) and not isinstance(value, bool):
        return float(value)
    return value if kind is str and isinstance(value, str) else None


def _stored(site: Site, word: str, entry: Entry, value: Value) -> Tensor:
    """Store numbers that the operator takes as an input, such as the axes of a reduction."""
    numbers = value if isinstance(value, tuple) else (value,)
    dims = (len(numbers),) if isinstance(value, tuple) else ()
    if all(isinstance(one, int) for one in numbers):
        integers = [int(one) for one in numbers if isinstance(one, int)]
        return site.integers(integers, word) if dims else site.integer(integers[0], word)
    if all(isinstance(one, (int, float)) for one in numbers):
        floats = [float(one) for one in numbers if isinstance(one, (int, float))]
        return site.floats(floats, dims, word)
    raise Invalid(entry.value.span, f"{word} is {describe(value)}, expected numbers")
