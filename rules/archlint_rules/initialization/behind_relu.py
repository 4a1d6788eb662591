"""Layers of which sigma alone makes up for the ReLU that feeds them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archlint_rules.initialization.grouping import drawn

if TYPE_CHECKING:
    from collections.abc import Iterator

    from archlint.api import Model
    from archlint_rules.initialization.grouping import Judged


def behind_relu(model: Model) -> Iterator[Judged]:
    """Yield the layers behind a ReLU that no normalization follows, or may be folded into."""
    for layer, found in drawn(model):
        if layer.source.is_rectified and not layer.folded and not layer.sink.is_normalized:
            yield layer, found
