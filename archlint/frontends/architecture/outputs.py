"""The `outputs:` section of an architecture."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archlint.errors import did_you_mean
from archlint.frontends.architecture.builder import Builder
from archlint.frontends.architecture.file import File
from archlint.frontends.architecture.scope import PREVIOUS, Scope
from archlint.frontends.architecture.value import node_word
from archlint.sources.yaml_node import Mapping, Sequence, resolve

if TYPE_CHECKING:
    from archlint.frontends.architecture.tensor import Tensor


def wanted_outputs(file: File, scope: Scope) -> list[tuple[str, str]]:
    """Return the names of the outputs and of their layers; records unknown layers."""
    node = file.sections.get("outputs")
    if node is None:
        return []
    inside = resolve(node)
    if isinstance(inside, Mapping):
        wanted = [(entry.key.text, entry.value) for entry in inside.merged()]
    elif isinstance(inside, Sequence):
        wanted = [(node_word(item, "an output"), item) for item in inside.items]
    else:
        wanted = [(node_word(node, "an output"), node)]
    known = []
    for name, reference in wanted:
        word = node_word(reference, "an output")
        if word in scope.tensors:
            known.append((name, word))
        elif not scope.is_broken(word):
            near = did_you_mean(word, scope.tensors)
            file.problems.add(reference.span, f"no layer is called {word!r}{near}")
    return known


def outputs_of(
    file: File, scope: Scope, builder: Builder, wanted: list[tuple[str, str]]
) -> list[tuple[str, Tensor]]:
    """Return the outputs by their names; the last layer where the file names none."""
    if "outputs" not in file.sections:
        wanted = [] if (last := scope.tensors.get(PREVIOUS)) is None else [(last.name, PREVIOUS)]
    outputs: list[tuple[str, Tensor]] = []
    for name, word in wanted:
        tensor = scope.tensors[word]
        if tensor is None:
            continue
        if any(other.name == tensor.name for _, other in outputs) or tensor.name in _inputs(file):
            (tensor,) = builder.node("Identity", [tensor], name, {})
        free = tensor.name == name or builder.is_free(name)
        outputs.append((name if free else tensor.name, tensor))
    return outputs


def _inputs(file: File) -> set[str]:
    inside = file.section("inputs")
    return {entry.key.text for entry in inside.merged()} if isinstance(inside, Mapping) else set()
