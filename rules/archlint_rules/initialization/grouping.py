"""Groups layers from one line of a file, or with equal initialization, into one finding."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from archlint.api import Distribution, Layer, Model

    Judged: TypeAlias = tuple[Layer, Distribution]

_CLOSE = 1.05


def drawn(model: Model) -> Iterator[Judged]:
    """Yield the layers with the distribution of their weights, where it is known.

    Low-rank adapters do not set the scale of the signal, and are left out.
    """
    initialization = model.facts.initialization
    if not initialization.is_known:  # of trained weights nothing more needs to be worked out
        return
    for layer in initialization.layers:
        found = None if layer.adapts else initialization.initial(layer.weight)
        if found is not None:
            yield layer, found


def grouped(judged: Iterable[Judged]) -> list[list[Judged]]:
    """Group layers by their line in the file, or in binary files by their properties.

    These are the operator, the sizes of the weight, the activation before it and sigma. Layers with
    different uses of their output are never grouped. A weight that several layers share, as heads
    that are applied to maps of several sizes, is in a group once.
    """
    groups: dict[Hashable, list[list[Judged]]] = {}
    known: set[tuple[int, str]] = set()
    for layer, found in judged:
        kin = groups.setdefault((_place(layer), layer.sink.is_normalized), [])
        group = next((each for each in kin if _is_like(each[0], found, layer)), None)
        if group is None:
            group = []
            kin.append(group)
        if (id(group), layer.weight) not in known:
            known.add((id(group), layer.weight))
            group.append((layer, found))
    return [group for kin in groups.values() for group in kin]


def and_others(group: list[Judged]) -> str:
    """Return the end of a message that names one layer of a group."""
    others, last = len(group) - 1, group[-1][0]
    if not others:
        return ""
    layers = f"{others} more layer{'s' * (others > 1)}"
    if last.node.document_path:
        return f", and {layers} from this line"
    return f", and {layers} like it{', the last' * (others > 1)} {last.weight}"


def _place(layer: Layer) -> Hashable:
    """Return the key by which layers are grouped, besides sigma."""
    node, activation = layer.node, layer.source.activation
    if node.document_path:
        return node.document_path
    if node.ignored_rules is not None:  # which speaks of its node alone
        return node.name
    return node.domain, node.op, layer.fan, activation.name if activation else layer.source.kind


def _is_like(leader: Judged, found: Distribution, layer: Layer) -> bool:
    """Whether two layers have the same sigma, or the same constant weights."""
    other = leader[1]
    if layer.node.document_path:
        return True
    if other.std == 0 or found.std == 0:
        return other.std == found.std and other.mean == found.mean
    return found.is_within(other.std, _CLOSE)
