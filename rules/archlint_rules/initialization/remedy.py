"""The initializer that a layer should have, in words and as a change to the file."""

from __future__ import annotations

from math import isclose, sqrt
from typing import TYPE_CHECKING

from archlint.api import Edit, Fix, Kind, Place, gain, leak

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from archlint.api import Activates, Layer, Model

_BIAS = ("bias", "running_mean", "running_var")
_WRITTEN = {1.0: "lecun_normal", 5 / 3: "kaiming_normal: {nonlinearity: tanh}"}
"""Gains for which architecture files have a named initializer."""


def initializer(layer: Layer) -> str | None:
    """Return the initializer for an architecture file that preserves the scale of a layer's input.

    It is a named initializer that scales with the width where the framework's fan-in is the number
    d of summed products, else a standard deviation. None where the layer's input is not known.
    """
    found = _gain(layer)
    if found is None:
        return None
    factor, written = found
    if not isclose(layer.fan.framework_fans[0], layer.fan.fan_in):
        return f"{{normal: {{std: {factor / sqrt(layer.fan.fan_in):.6g}}}}}"
    return written if written.isidentifier() else f"{{{written}}}"


def _gain(layer: Layer) -> tuple[float, str] | None:
    """Return the gain for the activation before a layer, and the initializer that has it."""
    activation = layer.source.activation
    if activation is not None:
        return _behind(activation)
    if layer.source.kind in {Kind.DATA, Kind.NORMALIZATION, Kind.SUM}:
        return 1.0, _WRITTEN[1.0]
    return None


def _behind(activation: Activates) -> tuple[float, str]:
    slope = leak(activation)
    if slope is None:
        factor = activation.published[0] if activation.published else gain(activation)
        return factor, _WRITTEN.get(factor, f"variance_scaling: {{scale: {factor * factor:.4g}}}")
    word = "nonlinearity: relu" if slope == 0 else f"a: {slope:.4g}"
    return sqrt(2 / (1 + slope * slope)), f"kaiming_normal: {{{word}}}"


def advice(layer: Layer) -> str:
    """Return what to write for a layer, in the file or in PyTorch's words."""
    written = initializer(layer)
    if written is None:
        return "draw it at random, so that the scale of what it sums is kept"
    if is_declared(layer):
        return f"write init: {written}"
    found = _gain(layer)
    if written == "{kaiming_normal: {nonlinearity: relu}}":
        return "torch.nn.init.kaiming_normal_(weight, nonlinearity='relu')"
    factor = 1.0 if found is None else found[0]
    return f"torch.nn.init.normal_(weight, std={factor / sqrt(layer.fan.fan_in):.4g})"


def is_declared(layer: Layer) -> bool:
    """Whether a layer comes from an architecture file."""
    return layer.node.document_path is not None


def fix(model: Model, layers: Iterable[Layer], written: str | None = None) -> Fix | None:
    """Return the fix that initializes the weights of layers with `written`, or as advised for each.

    None where a line creates several layers that need different initializers, or where a weight is
    shared.
    """
    edits: list[Edit] = []
    texts: dict[str, str] = {}
    for layer in layers:
        path, key = layer.node.document_path, _key(model, layer)
        text = written or initializer(layer)
        if path is None or key is None or text is None:
            return None
        if texts.setdefault(path, text) != text:
            return None
        edits.append(Edit(Place(node=layer.node.name, key=key), text))
    if not edits or (written is None and _disagree(model, texts)):
        return None
    words = sorted({text.removeprefix("{").removesuffix("}") for text in texts.values()})
    return Fix(f"draw the weight from {' or '.join(words)}", tuple(edits))


def _disagree(model: Model, texts: Mapping[str, str]) -> bool:
    """Whether another layer of the same line follows another activation."""
    return any(
        layer.source.activation is not None and initializer(layer) != texts[path]
        for layer in model.facts.initialization.layers
        if (path := layer.node.document_path or "") in texts
    )


def _key(model: Model, layer: Layer) -> str | None:
    """Return the key that applies to a layer's weight alone, such as `init` or `init.out_proj`."""
    weight = model.graph.weights.get(layer.weight)
    if weight is None:
        return None
    if len(model.facts.parameters.trainable[layer.weight].uses) > 1:
        return None  # a shared weight stands between several layers
    path = weight.document_path
    if path is None or path != layer.node.document_path:
        return None
    if len(_parts(model, path)) == 1:
        return "init"
    part = layer.weight.rpartition(".")[0].rpartition(".")[2]
    return f"init.{part}" if part and not part.isdigit() else None


def _parts(model: Model, path: str) -> set[tuple[str, str]]:
    """Return the weights of one line of a file to which `init` applies."""
    parts = set()
    for name, weight in model.graph.weights.items():
        if weight.document_path == path and not name.endswith(_BIAS):
            owner, _, part = name.rpartition(".")
            last = owner.rpartition(".")[2]
            parts.add((part, "" if last.isdigit() else last))
    return parts
