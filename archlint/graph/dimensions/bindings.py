"""The sizes that a target gives to open dimensions."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from msgspec import Struct

_NOTHING: Mapping[str, int] = MappingProxyType({})


class Bindings(Struct, frozen=True):
    """Sizes for open dimensions.

    `batch_size` goes to the batch dimension, as `find_batch` finds it. `dims` binds a symbolic
    dimension by its name, any dimension of an input as `INPUT.AXIS`, and the value of an integer
    scalar input by the input's name.
    """

    batch_size: int | None = None
    dims: Mapping[str, int] = _NOTHING
