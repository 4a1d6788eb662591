"""An architecture file with a list of layers."""

from __future__ import annotations

from collections.abc import Iterable


def network(layers: Iterable[str], inputs: str = "[N, 8, 16, 16]") -> str:
    """Return the text of an architecture whose input has the shape, and whose layers are these."""
    lines = "".join(f"  - {layer}\n" for layer in layers)
    return f"archlint: 1\nname: net\ninputs: {{x: {inputs}}}\nlayers:\n{lines}"
