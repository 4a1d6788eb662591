"""A layer of the file at its place: what stands beside it, made ready for building."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from archlint.errors import did_you_mean
from archlint.frontends.architecture.binding import read_initializer
from archlint.frontends.architecture.site import PATH, Adapter, Site
from archlint.frontends.architecture.value import Invalid, node_integer, node_number
from archlint.sources.yaml_node import Mapping, resolve

if TYPE_CHECKING:
    from archlint.frontends.architecture.builder import Builder
    from archlint.frontends.architecture.initializer import Initializer
    from archlint.frontends.architecture.item import Item
    from archlint.frontends.architecture.scope import Scope
    from archlint.sources.yaml_node import Entry, Node

_LARGEST_RANK = 2**20
_ROLES = {
    "init": ("weight", "has no weight to initialize"),
    "bias_init": ("bias", "has no bias to initialize"),
    "tie": ("tie", "has no weight to share"),
    "lora": ("lora", "takes no low-rank adapter; a Linear does"),
}


def place(item: Item, name: str, scope: Scope, builder: Builder) -> Site:
    """Return the site of a layer, with what stands beside it; raises Invalid."""
    tie, lora = item.beside.get("tie"), item.beside.get("lora")
    return Site(
        builder=builder,
        name=scope.full_name(name),
        metadata=metadata(item, scope),
        initializers=_initializers(item, scope),
        frozen=scope.frozen,
        tied=None if tie is None else scope.weight(tie.value),
        adapter=None if lora is None else _adapter(lora.value, scope),
    )


def metadata(item: Item, scope: Scope) -> dict[str, str]:
    """Return what a node says of the layer that it comes from."""
    path = item.path if scope.place is None else scope.place
    return {PATH: json.dumps(list(path)), "archlint.layer": item.layer}


def check_used(site: Site, item: Item) -> None:
    """Refuse a word beside a layer that it could make no use of; raises Invalid."""
    for word, (role, what) in _ROLES.items():
        if word in item.beside and role not in site.used:
            raise Invalid(item.beside[word].key.span, f"this {item.layer} {what}")


def _initializers(item: Item, scope: Scope) -> dict[str, Initializer]:
    defaults = scope.file.defaults.get(item.layer)
    beside: dict[str, Entry] = {**(defaults.beside if defaults else {}), **item.beside}
    return {
        role: read_initializer(beside[word].value, scope.names)
        for word, role in (("init", "weight"), ("bias_init", "bias"))
        if word in beside
    }


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
