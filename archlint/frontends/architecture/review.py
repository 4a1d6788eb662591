"""Checks the layers of unused blocks, which are never built."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archlint.frontends.architecture.file import SEQUENTIAL
from archlint.frontends.architecture.item import Item, read_item
from archlint.frontends.architecture.layers.table import layers
from archlint.frontends.architecture.value import Invalid
from archlint.sources.yaml_node import Node, Sequence, resolve

if TYPE_CHECKING:
    from archlint.frontends.architecture.file import File


def review_blocks(file: File) -> None:
    """Record unknown layers and arguments in all blocks of a file."""
    for block in file.blocks.values():
        if block.file is file:
            _review(block.layers, block.path, file)


def _review(node: Node, path: tuple[str | int, ...], file: File) -> None:
    inside = resolve(node)
    if not isinstance(inside, Sequence):
        return
    for index, item in enumerate(inside.items):
        try:
            _review_item(read_item(item, (*path, index), file), file)
        except Invalid as invalid:
            file.problems.add_invalid(invalid)


def _review_item(item: Item, file: File) -> None:
    word = item.layer
    if word == SEQUENTIAL and item.value is not None:
        _review(item.value, (*item.path, SEQUENTIAL), file)
    elif not file.is_layer(word):
        raise file.unknown_layer(item.word)
    elif word in layers():
        known = layers()[word].arguments
        for entry in item.argument_entries(known):
            if entry.key.text not in known:
                file.problems.unknown_argument(entry.key, word, known)
    elif word in file.blocks:
        known_parameters = file.blocks[word].parameters
        for entry in item.argument_entries(known_parameters):
            if entry.key.text not in known_parameters:
                file.problems.unknown_argument(entry.key, word, known_parameters, "parameter")
