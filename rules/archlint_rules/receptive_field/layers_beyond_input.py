"""RF002: layers that widen a field which already covers the whole input."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from archlint.api import Finding, Model, Node, Rule, Severity
from archlint_rules.receptive_field.windows import by_node

if TYPE_CHECKING:
    from collections.abc import Iterator


class LayersBeyondInput(Rule):
    """Layers widen a receptive field that already covers the whole input."""

    code = "RF002"
    name = "layers-beyond-input"
    severity = Severity.INFO
    since = "0.1.0"
    tags = ("receptive-field",)

    def check(self, model: Model) -> Iterator[Finding]:
        """Report the first such layer, and how many there are."""
        layers = list(_layers(model))
        beyond = [layer for layer in layers if layer.is_beyond]
        if not beyond:
            return
        first = beyond[0]
        useful = max(layer.size for layer in beyond) + 1
        yield self.finding(
            f"{len(beyond)} of {len(layers)} spatial layers, from {first.node.name} on, cannot "
            f"widen what is seen: the narrowest path to it covers {first.size} of an input of "
            f"{first.length}",
            node=first.node,
            data={
                "layers": [layer.node.name for layer in beyond],
                "spatial_layers": len(layers),
                "size": first.size,
                "input": first.length,
                "largest_useful_input": useful,
            },
            help=f"an input of {useful} makes use of all of them; or leave out strides or layers",
        )


class _Layer(Struct, frozen=True):
    """A layer that reads neighbours: the narrowest field before it, and the input's length.

    Both are those of the axis along which the input is covered least.
    """

    node: Node
    size: int
    length: int

    @property
    def is_beyond(self) -> bool:
        return self.size >= self.length


def _layers(model: Model) -> Iterator[_Layer]:
    fields = model.facts.receptive_fields
    groups = [
        group
        for group in by_node(fields.windows)
        if any(window.sliding.kernel > 1 for window in group)
    ]
    if not groups:
        return
    known = [extent for extent in fields.extents if extent.length]
    narrowest = {extent: fields.narrowest(extent) for extent in known}
    for group in groups:
        source = group[0].node.inputs[0]
        seen = [
            (narrowest[extent][source], extent.length)
            for extent in known
            if source in narrowest[extent] and extent.length is not None
        ]
        if seen:
            size, length = min(seen, key=lambda pair: pair[0] / pair[1])
            yield _Layer(group[0].node, size, length)
