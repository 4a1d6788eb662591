"""A named block of layers with parameters."""

from __future__ import annotations

from keyword import iskeyword
from typing import TYPE_CHECKING

from msgspec import Struct

from archlint.frontends.architecture.scope import INPUT
from archlint.frontends.architecture.value import Invalid, node_value, node_word
from archlint.sources.yaml_node import Mapping, Node, Sequence, resolve

if TYPE_CHECKING:
    from archlint.frontends.architecture.expression import Names, Value
    from archlint.frontends.architecture.file import File
    from archlint.frontends.architecture.problems import Problems

WORDS = ("parameters", "inputs", "layers", "output", "description")
REQUIRED_WORD = "required"


class Block(Struct, frozen=True, eq=False):
    """A block: its parameters with their defaults, the names of its inputs, its layers."""

    name: str
    parameters: dict[str, Value]
    required: frozenset[str]
    inputs: tuple[str, ...]
    layers: Node
    path: tuple[str | int, ...]
    output: Node | None
    file: File


def read_block(name: str, node: Node, file: File, problems: Problems) -> Block | None:
    """Read the definition of a block; None where it has no layers."""
    inside = resolve(node)
    if not isinstance(inside, Mapping):
        problems.add(node.span, f"the block {name} is a mapping with layers", "write layers: [...]")
        return None
    for entry in inside.merged():
        if entry.key.text not in WORDS:
            problems.unknown(entry.key.span, f"word in the block {name}:", entry.key.text, WORDS)
    layers = inside.get("layers")
    if layers is None:
        problems.add(node.span, f"the block {name} has no layers")
        return None
    parameters = inside.get("parameters")
    values, required = read_parameters(
        None if parameters is None else parameters.value, file.names, problems
    )
    inputs = inside.get("inputs")
    output = inside.get("output")
    return Block(
        name=name,
        parameters=values,
        required=required,
        inputs=_input_names(None if inputs is None else inputs.value, problems),
        layers=layers.value,
        path=("blocks", name, "layers"),
        output=None if output is None else output.value,
        file=file,
    )


def read_parameters(
    node: Node | None, names: Names, problems: Problems
) -> tuple[dict[str, Value], frozenset[str]]:
    """Read parameters with their defaults, and which of them are required."""
    values: dict[str, Value] = {}
    required = set()
    if node is None:
        return values, frozenset()
    inside = resolve(node)
    if not isinstance(inside, Mapping):
        problems.add(
            node.span, "parameters are a mapping",
            "write each with its default, as stride: 1, or with the word required",
        )  # fmt: skip
        return values, frozenset()
    for entry in inside.merged():
        word = entry.key.text
        if not word.isidentifier():
            problems.add(entry.key.span, f"a parameter's name is one word, found {word!r}")
        elif iskeyword(word):
            problems.add(
                entry.key.span, f"{word!r} is reserved in expressions and cannot name a parameter",
                f"call it {word}_",
            )  # fmt: skip
        try:
            # A default may use the parameters before it.
            values[word] = node_value(entry.value, {**names, **values})
        except Invalid as invalid:
            problems.add_invalid(invalid)
            values[word] = None
        if values[word] == REQUIRED_WORD:
            required.add(word)
    return values, frozenset(required)


def _input_names(node: Node | None, problems: Problems) -> tuple[str, ...]:
    if node is None:
        return (INPUT,)
    inside = resolve(node)
    if not isinstance(inside, Sequence) or not inside.items:
        problems.add(node.span, "the inputs of a block are a list of names")
        return (INPUT,)
    try:
        return tuple(node_word(item, "the name of an input") for item in inside.items)
    except Invalid as invalid:
        problems.add_invalid(invalid)
        return (INPUT,)
