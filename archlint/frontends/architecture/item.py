"""One item in a list of layers: the layer, its arguments, and the keys beside it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from archlint.errors import did_you_mean
from archlint.frontends.architecture.value import Invalid
from archlint.sources.yaml_node import Entry, Mapping, Node, Scalar, Sequence, resolve
from archlint.sources.yaml_scalar import is_null

if TYPE_CHECKING:
    from collections.abc import Iterable

    from archlint.frontends.architecture.file import File
    from archlint.sources.span import Span

BESIDE = ("name", "from", "if", "repeat", "init", "bias_init", "frozen", "tie", "lora")
"""The keys beside a layer: what archlint adds to PyTorch's arguments."""


class Item(Struct, frozen=True):
    """A layer as the file writes it; `path` leads to it in its document, `size` is its nodes."""

    word: Scalar
    value: Node | None
    beside: dict[str, Entry]
    span: Span
    path: tuple[str | int, ...]
    size: int

    @property
    def layer(self) -> str:
        """The name of the layer or block."""
        return self.word.text

    def argument_entries(self, known: Iterable[str] = ()) -> list[Entry]:
        """The arguments that stand inside; raises Invalid where they are no mapping.

        `known` are the names of the arguments, in order: where values stand alone, as Python takes
        them, the help puts the names to them.
        """
        inside = None if self.value is None else resolve(self.value)
        if inside is None or (isinstance(inside, Scalar) and is_null(inside)):
            return []
        if isinstance(inside, Mapping):
            return list(inside.merged())
        raise Invalid(
            inside.span,
            f"the arguments of {self.layer} are a mapping",
            f"write {self.layer}: {{{_with_names(inside, tuple(known))}}}",
        )

    def argument_span(self, argument: str | None) -> Span:
        """The span of an argument's value, of a key beside the layer, or else of its name."""
        if argument is not None:
            inside = None if self.value is None else resolve(self.value)
            entry = inside.get(argument) if isinstance(inside, Mapping) else None
            entry = entry or self.beside.get(argument)
            if entry is not None:
                return (
                    entry.value.span
                    if entry.value.span.end > entry.value.span.start
                    else entry.key.span
                )
        return self.word.span


def _with_names(values: Scalar | Sequence, names: tuple[str, ...]) -> str:
    """Return positional values written as named arguments, for the help of an error."""
    items = [resolve(item) for item in values.items] if isinstance(values, Sequence) else [values]
    texts = [item.text for item in items if isinstance(item, Scalar) and item.plain]
    if not names or len(texts) < len(items) or len(texts) > len(names):
        return "argument: value"
    return ", ".join(f"{name}: {text}" for name, text in zip(names, texts, strict=False))


def read_item(node: Node, path: tuple[str | int, ...], file: File) -> Item:
    """Read an item; raises Invalid. Unknown words beside the layer are recorded as problems."""
    inside = resolve(node)
    if isinstance(inside, Scalar):
        if not inside.text:
            raise Invalid(node.span, "an empty item", "name a layer, such as ReLU")
        return Item(inside, None, {}, node.span, path, node.size)
    if isinstance(inside, Sequence):
        raise Invalid(
            node.span,
            "found a list where a layer is expected",
            "use Sequential: [...] for a group",
        )
    entries = list(inside.merged())
    beside = {entry.key.text: entry for entry in entries if entry.key.text in BESIDE}
    others = [entry for entry in entries if entry.key.text not in BESIDE]
    if not others:
        raise Invalid(node.span, "an item without a layer", "name one, such as Conv2d: {...}")
    first = next((entry for entry in others if file.is_layer(entry.key.text)), others[0])
    misplaced = None
    for word in (entry.key for entry in others if entry is not first):
        stranger = _stranger(word, first.key.text, file)
        file.problems.add(stranger.span, stranger.message, stranger.help)
        if file.is_layer(word.text) or word.text in file.arguments_of(first.key.text):
            misplaced = stranger
    if misplaced is not None:
        raise misplaced  # the layer cannot be built as it was meant
    return Item(first.key, first.value, beside, node.span, path, node.size)


def _stranger(word: Scalar, layer: str, file: File) -> Invalid:
    """Return the problem for an unknown key beside a layer."""
    if file.is_layer(word.text):
        message = f"a second layer, {word.text}, in the item of {layer}"
        return Invalid(word.span, message, "start each layer with its own dash")
    if word.text in file.arguments_of(layer):
        return Invalid(
            word.span,
            f"{word.text!r} is beside {layer}, not inside it",
            f"indent it under {layer}, or write {layer}: {{{word.text}: ...}}",
        )
    return Invalid(
        word.span,
        f"unknown word {word.text!r} beside {layer}{did_you_mean(word.text, BESIDE)}",
        f"arguments of {layer} are indented under it; allowed beside it: " + ", ".join(BESIDE),
    )
