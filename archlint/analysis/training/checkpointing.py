"""Activation checkpointing: parts of a network that save only their inputs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from msgspec import Struct

from archlint.analysis.structure.blocks import Blocks
from archlint.graph.graph import Graph
from archlint.graph.node import Node
from archlint.graph.program.modules import Path, matched
from archlint.target import Checkpointing


class Segment(Struct, frozen=True, eq=False):
    """A part of a graph that the backward pass recomputes before it runs through it.

    `inputs` are the tensors that it reads from outside, in the order of their use.
    """

    nodes: tuple[Node, ...]
    inputs: tuple[str, ...]


def segments(graph: Graph, blocks: Blocks, how: Checkpointing | None) -> tuple[Segment, ...]:
    """Return the parts of `graph` that are checkpointed.

    These are the modules that a pattern names, or runs of `how.every` neighbouring blocks. PyTorch
    runs such a part without saving its tensors, and runs it again when the backward pass needs them
    (Chen et al. 2016).
    """
    if how is None:
        return ()
    runs = _named(blocks, how.modules) if how.modules else _runs(blocks.found, how.every)
    run_of = {path: place for place, run in enumerate(runs) for path in run}
    parts: list[list[Node]] = [[] for _ in runs]
    for node in graph.nodes:
        path = blocks.path(node.name)
        outer = (run_of.get(path[:end]) for end in range(1, len(path) + 1))
        place = next((place for place in outer if place is not None), None)
        if place is not None:
            parts[place].append(node)
    return tuple(Segment(tuple(part), _inputs(part)) for part in parts if part)


def _named(blocks: Blocks, patterns: Sequence[str]) -> list[tuple[Path, ...]]:
    paths = (matched(path, patterns) for path in blocks.modules)
    return [(path,) for path in dict.fromkeys(paths) if path is not None]


def _runs(found: Sequence[Path], every: int) -> list[tuple[Path, ...]]:
    return [tuple(found[start : start + every]) for start in range(0, len(found), every)]


def _inputs(nodes: Iterable[Node]) -> tuple[str, ...]:
    """Return the tensors that some nodes read and do not compute."""
    inside = {name for node in nodes for name in node.outputs}
    read = (name for node in nodes for name in node.inputs if name and name not in inside)
    return tuple(dict.fromkeys(read))
