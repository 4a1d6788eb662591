"""Binds the arguments of a layer, an initializer or a block to the values in the file."""

from __future__ import annotations

from math import isfinite
from typing import TYPE_CHECKING, Any

from archlint.errors import did_you_mean
from archlint.frontends.architecture.argument import Misfit, convert, describe
from archlint.frontends.architecture.initializer import (
    BOUNDS,
    CHOICES,
    KNOWN,
    SPREADS,
    Initializer,
    Setting,
    choices,
)
from archlint.frontends.architecture.layer import REQUIRED
from archlint.frontends.architecture.value import Invalid, node_value
from archlint.sources.yaml_node import Mapping, Node, Scalar, Sequence, resolve
from archlint.sources.yaml_scalar import is_null

if TYPE_CHECKING:
    from collections.abc import Iterable

    from archlint.frontends.architecture.block import Block
    from archlint.frontends.architecture.expression import Names, Value
    from archlint.frontends.architecture.item import Item
    from archlint.frontends.architecture.layer import Layer
    from archlint.frontends.architecture.problems import Problems
    from archlint.sources.span import Span
    from archlint.sources.yaml_node import Entry

# Other libraries' names of the same initializers.
_OTHER_NAMES = {
    "msra": "kaiming_normal",
    "gaussian": "normal",
}


def layer_arguments(
    layer: Layer, entries: Iterable[Entry], names: Names, problems: Problems, place: Span
) -> dict[str, Any] | None:
    """Return the arguments of a layer; None where a problem was recorded."""
    before = problems.reported
    bound: dict[str, Any] = {}
    for entry in entries:
        word = entry.key.text
        argument = layer.arguments.get(word)
        if argument is None:
            problems.unknown_argument(entry.key, layer.name, layer.arguments)
            continue
        try:
            value = node_value(entry.value, names)
        except Invalid as invalid:
            problems.add_invalid(invalid)
            continue
        try:
            bound[word] = convert(argument.kind, value)
        except Misfit as misfit:
            message = f"{word} of {layer.name} is {describe(value)}, expected {misfit}"
            problems.add(_visible(entry), message)
    for argument in layer.arguments.values():
        if (
            argument.default is REQUIRED
            and argument.name not in bound
            and problems.reported == before
        ):
            problems.add(place, f"{layer.name} needs {argument.name}")
    return bound if problems.reported == before else None


def block_arguments(
    block: Block, item: Item, names: Names, problems: Problems
) -> dict[str, Value] | None:
    """Return the parameters of a block with their values; None where a problem was recorded."""
    before = problems.reported
    bound = dict(block.parameters)
    given = set()
    for entry in item.argument_entries(block.parameters):
        word = entry.key.text
        given.add(word)
        if word not in bound:
            problems.unknown_argument(entry.key, block.name, block.parameters, "parameter")
            continue
        try:
            bound[word] = node_value(entry.value, names)
        except Invalid as invalid:
            problems.add_invalid(invalid)
    for name in block.parameters:
        if name in block.required and name not in given:
            problems.add(item.word.span, f"the block {block.name} needs {name}")
    return bound if problems.reported == before else None


def read_initializer(node: Node, names: Names) -> Initializer:
    """Read `kaiming_normal`, `normal: {std: 0.02}` or `constant: 0.1`; raises Invalid."""
    inside = resolve(node)
    if isinstance(inside, Scalar):
        return Initializer(_known(inside), tuple(KNOWN[inside.text].items()))
    if isinstance(inside, Sequence) or len(inside.entries) != 1:
        raise Invalid(
            node.span, "an initializer is a name or one name with its settings",
            "write it as normal: {std: 0.02}",
        )  # fmt: skip
    entry = inside.entries[0]
    name = _known(entry.key)
    settings = dict(KNOWN[name])
    value = resolve(entry.value)
    if name == "constant" and isinstance(value, Scalar):
        settings["value"] = _setting(name, "value", entry.value, names)
    elif isinstance(value, Mapping):
        for setting in value.merged():
            word = setting.key.text
            if word not in settings:
                near = did_you_mean(word, settings)
                takes = "known: " + ", ".join(settings) if settings else f"{name} takes none"
                raise Invalid(setting.key.span, f"unknown setting of {name}: {word!r}{near}", takes)
            settings[word] = _setting(name, word, setting.value, names)
        _check_bounds(entry.value, settings)
    elif not (isinstance(value, Scalar) and is_null(value)):
        raise Invalid(entry.value.span, f"the settings of {name} are a mapping")
    return Initializer(name, tuple(settings.items()))


def _known(word: Scalar) -> str:
    name = word.text
    if name in KNOWN:
        return name
    bare = name.rstrip("_")
    if bare in KNOWN or bare in _OTHER_NAMES:
        near = f": did you mean {_OTHER_NAMES.get(bare, bare)!r}?"
    else:
        near = did_you_mean(name, KNOWN)
    raise Invalid(word.span, f"unknown initializer {name!r}{near}", "known: " + ", ".join(KNOWN))


def _setting(name: str, word: str, node: Node, names: Names) -> Setting:
    value = node_value(node, names)
    if word in CHOICES:
        if value in choices(name, word) and isinstance(value, str):
            return value
        expected = ", ".join(choices(name, word))
        raise Invalid(node.span, f"{word} is {describe(value)}, expected one of {expected}")
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not isfinite(value):
        raise Invalid(node.span, f"{word} is {describe(value)}, expected a number")
    if word in SPREADS and value < 0:
        raise Invalid(node.span, f"{word} is {describe(value)}, expected at least 0")
    return float(value)


def _check_bounds(node: Node, settings: dict[str, Setting]) -> None:
    for low, high in BOUNDS:
        if low in settings and high in settings:
            lowest, highest = float(settings[low]), float(settings[high])
            if lowest > highest:
                raise Invalid(node.span, f"{low} = {lowest:g} is above {high} = {highest:g}")


def _visible(entry: Entry) -> Span:
    """The value's place, or the key's where the value is empty."""
    span = entry.value.span
    return span if span.end > span.start else entry.key.span
