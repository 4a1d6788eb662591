"""Layers after a ReLU whose sigma alone has to compensate for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archlint_rules.initialization.grouping import drawn

if TYPE_CHECKING:
    from collections.abc import Iterator

    from archlint.api import Model
    from archlint_rules.initialization.grouping import Judged


def behind_relu(model: Model) -> Iterator[Judged]:
    """Yield the layers after a ReLU, without a following or possibly folded normalization."""
    for layer, found in drawn(model):
        if layer.source.is_rectified and not layer.folded and not layer.sink.is_normalized:
            yield layer, found
