"""The modules that an operator was called in, as far as the file records them."""

from __future__ import annotations

import re
from fnmatch import fnmatchcase
from functools import lru_cache
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from archlint.graph.graph import Graph
    from archlint.graph.node import Node

Path: TypeAlias = tuple[str, ...]

SCOPES = "pkg.torch.onnx.name_scopes"  # torch.export writes "['', 'layers.0', 'linear']"
_QUOTED = re.compile(r"'([^']*)'")


def module_path(node: Node) -> Path:
    """Return the path of the module that called an operator, as ("layers", "0", "mlp").

    torch.export records it in metadata, the TorchScript exporter in names such as
    `/layers.0/mlp/MatMul`; architecture files name a node after its layer. Empty for operators
    outside of modules, and for files without such a record.
    """
    calls = module_calls(node)
    return calls[-1] if calls else ()


def module_calls(node: Node) -> tuple[Path, ...]:
    """Return the paths of the modules that were running at an operator, from the outermost on.

    A ModuleList is not called itself: `/layers.0/mlp` has two calls of modules, and
    `/layers/layers.0/mlp`, where `layers` is a Sequential, has three.
    """
    return _calls(node.name, node.metadata.get(SCOPES, ""))


@lru_cache(maxsize=4096)  # each node is asked for several times, and once more with every batch
def _calls(name: str, noted: str) -> tuple[Path, ...]:
    """Return the calls that torch.export noted, or else those in the name of a node."""
    scopes = _QUOTED.findall(noted)
    if scopes:
        return tuple(tuple(scope.split(".")) for scope in scopes[:-1] if scope)
    if "/" not in name:
        parts = name.split(".")[:-1]
        return tuple(tuple(parts[:end]) for end in range(1, len(parts) + 1))
    calls: list[Path] = []
    path: Path = ()
    for part in name.strip("/").split("/")[:-1]:
        parts = part.split(".")
        # `/mlp/mlp.0`: a container repeats its own name in front of what it calls.
        inside = len(parts) > 1 and path[1 - len(parts) :] == tuple(parts[:-1])
        path += tuple(parts[-1:] if inside else parts)
        calls.append(path)
    return tuple(calls)


def scopes(calls: Iterable[Path]) -> str:
    """Return the calls of modules, from the outermost on, as torch.export notes them."""
    return str(["", *(".".join(path) for path in calls), "-"])


def module_paths(graph: Graph) -> Mapping[str, Path]:
    """Return the path of the module of every node, by node name."""
    return {node.name: module_path(node) for node in graph.nodes}


def matched(path: tuple[str, ...], patterns: Iterable[str]) -> tuple[str, ...] | None:
    """Return the beginning of a path that a pattern like `encoder.layers.*` names, None if none.

    A star stands for one name of the path or a part of it, so that `layers.*` is every entry of
    `layers` and nothing inside one.
    """
    for pattern in patterns:
        parts = pattern.split(".")
        if len(parts) <= len(path) and all(map(fnmatchcase, path, parts)):
            return path[: len(parts)]
    return None


def is_target(path: tuple[str, ...], names: Iterable[str]) -> bool:
    """Whether a module matches one of `names`: its whole path or the end of it, with stars."""
    ends = [".".join(path[start:]) for start in range(len(path))]
    return any(fnmatchcase(end, name) for name in names for end in ends)
