"""Which channels of a stored tensor are looked at, and for what."""

from __future__ import annotations

from msgspec import Struct


class Part(Struct, frozen=True):
    """The channels along `axis`, every `step`-th of them, and the range that is looked for."""

    axis: int
    lowest: float = 0.0
    highest: float = 0.0
    step: int = 1
