"""Prepares a layer for building: resolves the keys beside it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from archlint.errors import did_you_mean
from archlint.frontends.architecture.binding import read_initializer
from archlint.frontends.architecture.initializer import KNOWN
from archlint.frontends.architecture.site import Adapter, Site
from archlint.frontends.architecture.value import Invalid, node_integer, node_number
from archlint.frontends.properties import LAYER, PATH
from archlint.sources.yaml_node import Mapping, Scalar, resolve

if TYPE_CHECKING:
    from archlint.frontends.architecture.builder import Builder
    from archlint.frontends.architecture.initializer import Initializer
    from archlint.frontends.architecture.item import Item
    from archlint.frontends.architecture.scope import Scope
    from archlint.sources.yaml_node import Entry, Node

_LARGEST_RANK = 2**20
_UNUSED = {
    "init": "has no weight to initialize",
    "bias_init": "has no bias to initialize",
    "tie": "has no weight to share",
    "lora": "takes no low-rank adapter; a Linear does",
}


def place(item: Item, name: str, scope: Scope, builder: Builder) -> Site:
    """Return the site of a layer, with the keys beside it resolved; raises Invalid."""
    tie, lora = item.beside.get("tie"), item.beside.get("lora")
    return Site(
        builder=builder,
        name=scope.full_name(name),
        metadata=metadata(item, scope),
        initializers=_initializers(item, scope),
        framework=scope.file.framework,
        frozen=scope.frozen,
        tied=None if tie is None else scope.weight(tie.value),
        adapter=None if lora is None else _adapter(lora.value, scope),
    )


def metadata(item: Item, scope: Scope) -> dict[str, str]:
    """Return the metadata that links a node to its layer."""
    path = item.path if scope.place is None else scope.place
    return {PATH: json.dumps(list(path)), LAYER: item.layer}


def check_used(site: Site, item: Item) -> None:
    """Reject a key beside a layer that the layer does not use; raises Invalid."""
    for word in site.initializers:
        named, _, start = word.partition(".")
        if start and site.weights and named in item.beside and word not in site.used:
            inside = resolve(item.beside[named].value)
            entry = inside.get(start) if isinstance(inside, Mapping) else None
            span = item.word.span if entry is None else entry.key.span
            near = did_you_mean(start, [part.partition(".")[0] for part in site.weights])
            raise Invalid(span, f"{item.layer} has no weight {start!r}{near}")
    for word, what in _UNUSED.items():
        entry = item.beside.get(word)
        if entry is not None and not any(used.partition(".")[0] == word for used in site.used):
            raise Invalid(entry.key.span, f"this {item.layer} {what}")


def _initializers(item: Item, scope: Scope) -> dict[str, Initializer]:
    """Read the values of `init` and `bias_init`: one initializer, or one per weight."""
    defaults = scope.file.defaults.get(item.layer)
    beside: dict[str, Entry] = {**(defaults.beside if defaults else {}), **item.beside}
    declared: dict[str, Initializer] = {}
    for word in ("init", "bias_init"):
        if word not in beside:
            continue
        node = beside[word].value
        inside = resolve(node)
        if isinstance(inside, Mapping) and all(_names_a_weight(one) for one in inside.entries):
            for entry in inside.entries:
                made = read_initializer(entry.value, scope.names)
                declared[f"{word}.{entry.key.text}"] = made
        else:
            declared[word] = read_initializer(node, scope.names)
    return declared


def _names_a_weight(entry: Entry) -> bool:
    """Whether an entry is a weight with its initializer, not an initializer with its settings."""
    value = resolve(entry.value)
    if isinstance(value, Mapping):
        names = [inner.key.text for inner in value.entries]
    else:
        names = [value.text] if isinstance(value, Scalar) else []
    return entry.key.text not in KNOWN and bool(names) and all(name in KNOWN for name in names)


def _adapter(node: Node, scope: Scope) -> Adapter:
    """Read `lora: {r: 8, alpha: 16}`; alpha is r where it is not given."""
    inside = resolve(node)
    rank = inside.get("r") if isinstance(inside, Mapping) else None
    if rank is None or not isinstance(inside, Mapping):
        raise Invalid(node.span, "lora needs its rank r", "write lora: {r: 8, alpha: 16}")
    for setting in inside.merged():
        word = setting.key.text
        if word not in {"r", "alpha"}:
            near = did_you_mean(word, ("r", "alpha"))
            raise Invalid(setting.key.span, f"unknown setting of lora: {word!r}{near}")
    size = node_integer(rank.value, scope.names, "r", 1, _LARGEST_RANK)
    alpha = inside.get("alpha")
    return Adapter(size, size if alpha is None else node_number(alpha.value, scope.names, "alpha"))
