"""Which part of a network is trained: everything, all but frozen weights, or adapters."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from fnmatch import fnmatchcase

from msgspec.structs import replace

from archlint.frontends.properties import FROZEN
from archlint.graph.graph import Graph
from archlint.graph.program.modules import is_target, matched, module_paths
from archlint.graph.program.signature import signature
from archlint.ops.registry import Operators
from archlint.target import Training


def trained_part(graph: Graph, operators: Operators, training: Training) -> Graph:
    """Return `graph` with frozen parameters marked as `training` says, and with its adapters.

    With adapters, nothing else is trained (Hu et al. 2021).
    """
    if training.lora_rank is not None:
        from archlint.analysis.training.adapters import Adapters

        return Adapters(graph, operators, training.lora_rank, training.lora_targets).added()
    return frozen_part(graph, operators, training)


def frozen_part(graph: Graph, operators: Operators, training: Training) -> Graph:
    """Return `graph` with the parameters marked that `training` says are frozen."""
    if training.frozen:
        return with_frozen(graph, _names(graph, operators, training.frozen))
    return graph


def unmatched_patterns(graph: Graph, training: Training) -> Iterator[tuple[str, str]]:
    """Yield each pattern that matches nothing in `graph`, with the setting that it is in."""
    modules = training.checkpointing.modules if training.checkpointing is not None else ()
    if not (modules or training.frozen or training.lora_targets):
        return
    paths = set(module_paths(graph).values())
    for pattern in modules:
        if not any(matched(path, (pattern,)) for path in paths):
            yield "training.checkpointing", pattern
    named = signature(graph)  # parameters that an exporter folded are in no other place
    names = (*graph.weights, *(() if named is None else named.kinds))
    ways = {each for path in (*paths, *map(_path, names)) for each in _ways(path)}
    for pattern in training.frozen or ():
        if not any(fnmatchcase(name, pattern) for name in ways):
            yield "training.frozen", pattern
    for pattern in training.lora_targets:
        if not any(is_target(path, (pattern,)) for path in paths):
            yield "training.lora-targets", pattern


def _path(weight: str) -> tuple[str, ...]:
    """Return the module path of a weight from its name in the state dictionary."""
    return tuple(weight.split("."))


def _ways(path: tuple[str, ...]) -> list[str]:
    """Return the dotted names of a path and of the modules that contain it."""
    return [".".join(path[:end]) for end in range(1, len(path) + 1)]


def _names(graph: Graph, operators: Operators, patterns: Iterable[str]) -> list[str]:
    """Return the stored tensors that a pattern names, or whose first user is in a module so named.

    Exporters rename some weights, so that only the module identifies them.
    """
    from archlint.analysis.parameters.lineage import Lineage

    paths, uses = module_paths(graph), Lineage(graph, operators).uses
    users = {name: found[0].node.name for name, found in uses.items() if found}
    called = {
        name: (*_ways(_path(name)), *_ways(paths.get(users.get(name, ""), ())))
        for name in graph.weights
    }
    return [
        name
        for name, names in called.items()
        if any(fnmatchcase(each, pattern) for pattern in patterns for each in names)
    ]


def with_frozen(graph: Graph, names: Iterable[str]) -> Graph:
    """Return `graph` with stored tensors marked as frozen."""
    marked = dict(graph.weights)
    for name in names:
        weight = marked.get(name)
        if weight is None:  # made by the graph
            continue
        marked[name] = replace(weight, metadata={**weight.metadata, FROZEN: "true"})
    return replace(graph, weights=marked)
