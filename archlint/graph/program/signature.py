"""The inputs and outputs of the exported program, as torch.export records them on the graph."""

from __future__ import annotations

import re
from collections.abc import Mapping

from msgspec import Struct

from archlint.graph.graph import Graph

_SIGNATURE = "pkg.torch.export.ExportedProgram.graph_signature"
_PLACEHOLDER = re.compile(r"^(\w+): (\w+)(?: target='([^']*)')?", re.MULTILINE)


class Signature(Struct, frozen=True):
    """The inputs of an exported program: what each name of the program is in the file.

    `kinds` gives PARAMETER, BUFFER or CONSTANT_TENSOR for each stored tensor by its own name;
    `outputs` are the program's, by their names there.
    """

    tensors: Mapping[str, str]
    kinds: Mapping[str, str]
    outputs: tuple[str, ...] = ()


def signature(graph: Graph) -> Signature | None:
    """Return what the file says of the program's inputs, None where it says nothing."""
    text = graph.metadata.get(_SIGNATURE)
    if not text:
        return None
    tensors, kinds = {}, {}
    inputs = iter(graph.inputs)
    taken, _, given = text.partition("# outputs")
    for name, kind, target in _PLACEHOLDER.findall(taken):
        if kind == "USER_INPUT":
            tensors[name] = next(inputs, name)
        elif target:
            tensors[name] = target
            kinds[target] = kind
    outputs = tuple(name for name, _, _ in _PLACEHOLDER.findall(given))
    return Signature(tensors, kinds, outputs)
