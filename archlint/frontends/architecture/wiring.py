"""Names of layers in a list, and the tensors that connect them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from archlint.frontends.architecture.layers.table import layers
from archlint.frontends.architecture.scope import INPUT, PREVIOUS, Scope
from archlint.frontends.architecture.value import Invalid, node_word
from archlint.sources.yaml_node import Mapping, Node, Scalar, Sequence, resolve

if TYPE_CHECKING:
    from typing import TypeAlias

    from archlint.frontends.architecture.item import Item
    from archlint.frontends.architecture.site import Site
    from archlint.frontends.architecture.tensor import Tensor

    Inputs: TypeAlias = list[Tensor | None]
    """The input tensors of a layer; None for one that could not be built."""

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*\Z")
_RESERVED = (PREVIOUS, INPUT)


def claim_name(item: Item, scope: Scope) -> str:
    """Return a unique name for a layer; raises Invalid."""
    entry = item.beside.get("name")
    if entry is None:
        return scope.free_name(item.layer)
    name = node_word(entry.value, "a name")
    if not _NAME.match(name):
        message = f"{name!r} is not a name"
        raise Invalid(
            entry.value.span, message, "use letters, digits, _ and -, starting with a letter"
        )
    if name in _RESERVED or name in scope.tensors:
        raise Invalid(entry.value.span, f"the name {name!r} is already taken")
    scope.taken.add(name)
    return name


def keep_name(item: Node, scope: Scope) -> None:
    """Register the name of a layer that could not be read, so that its users are not reported."""
    inside = resolve(item)
    entry = inside.get("name") if isinstance(inside, Mapping) else None
    name = None if entry is None else resolve(entry.value)
    if isinstance(name, Scalar):
        scope.tensors.setdefault(name.text, None)


def inputs_of(item: Item, scope: Scope) -> Inputs:
    """Return the input tensors of a layer: those that `from` names, or the previous output.

    Raises Invalid where nothing has that name, or there is no previous output.
    """
    entry = item.beside.get("from")
    if entry is not None:
        inside = resolve(entry.value)
        nodes = inside.items if isinstance(inside, Sequence) else (entry.value,)
        return [scope.reference(node) for node in nodes]
    if item.layer in layers() and layers()[item.layer].inputs[0] == 0:
        return []
    if PREVIOUS in scope.tensors:
        return [scope.tensors[PREVIOUS]]
    raise Invalid(
        item.word.span,
        f"{item.layer} does not say which input it takes",
        "add from: with one of " + ", ".join(scope.tensors),
    )


def keep_results(
    output: Tensor | tuple[Tensor, ...], site: Site, item: Item, name: str, scope: Scope
) -> Tensor:
    """Register the weights and the outputs of a named layer."""
    named = "name" in item.beside
    if named:
        scope.weights |= {f"{name}.{part}": weight for part, weight in site.weights.items()}
        if "weight" in site.weights:
            scope.weights[name] = site.weights["weight"]
    if not isinstance(output, tuple):
        return output
    if named:
        scope.tensors |= {f"{name}.{index}": part for index, part in enumerate(output)}
    return output[0]


def show_inner(inside: Scope, item: Item, name: str, scope: Scope, known: set[str]) -> None:
    """Let the outer list refer to the layers of a named block, as `stage1.conv`."""
    if "name" not in item.beside:
        return
    for inner, tensor in inside.tensors.items():
        if inner not in known and inner not in _RESERVED:
            scope.tensors[f"{name}.{inner}"] = tensor
    # A group also sees the weights around it: to show these again would double them at each repeat.
    own = [each for each in inside.weights.items() if scope.weights.get(each[0]) is not each[1]]
    for inner, weight in own:
        scope.weights[f"{name}.{inner}"] = weight
