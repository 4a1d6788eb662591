"""Nodes that an analysis inserts into a graph, such as casts, which are not in the file."""

from __future__ import annotations

from collections.abc import Mapping

from archlint.graph.node import Attribute, Node

_NO_ATTRIBUTES: Mapping[str, Attribute] = {}
_NO_METADATA: Mapping[str, str] = {}


def cast(name: str, source: str, output: str) -> Node:
    """Return a node that makes a copy of a tensor in another number format."""
    return Node(name, "Cast", "", (source,), (output,), _NO_ATTRIBUTES, _NO_METADATA)


def product(name: str, factors: tuple[str, str], output: str, metadata: Mapping[str, str]) -> Node:
    """Return a node that multiplies two matrices, or batches of them."""
    return Node(name, "MatMul", "", factors, (output,), _NO_ATTRIBUTES, metadata)


def scaling(name: str, pair: tuple[str, str], output: str, metadata: Mapping[str, str]) -> Node:
    """Return a node that multiplies two tensors element by element."""
    return Node(name, "Mul", "", pair, (output,), _NO_ATTRIBUTES, metadata)


def addition(name: str, pair: tuple[str, str], output: str, metadata: Mapping[str, str]) -> Node:
    """Return a node that adds two tensors element by element."""
    return Node(name, "Add", "", pair, (output,), _NO_ATTRIBUTES, metadata)
