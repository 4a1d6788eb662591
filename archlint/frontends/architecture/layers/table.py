"""All layers of the language by name."""

from __future__ import annotations

from functools import cache, partial
from typing import TYPE_CHECKING

from archlint.frontends.architecture.layer import Layer
from archlint.frontends.architecture.layers import (
    activation,
    arithmetic,
    convolution,
    linear,
    normalization,
    pooling,
    tensor,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from archlint.frontends.architecture.tensor import Tensor

# One function serves 1, 2 and 3 dimensions: it takes their number first.
_BY_DIMENSION: dict[str, Callable[..., Tensor]] = {
    "Conv": convolution.convolution,
    "ConvTranspose": convolution.transposed,
    "MaxPool": pooling.max_pool,
    "AvgPool": pooling.average_pool,
    "AdaptiveAvgPool": pooling.adaptive_average_pool,
    "AdaptiveMaxPool": pooling.adaptive_max_pool,
    "BatchNorm": normalization.batch_norm,
}

_SINGLE: dict[str, Callable[..., Tensor]] = {
    "Add": arithmetic.add,
    "Flatten": tensor.flatten,
    "GlobalAvgPool": pooling.global_average_pool,
    "GlobalMaxPool": pooling.global_max_pool,
    "Identity": tensor.identity,
    "Linear": linear.linear,
    "Mul": arithmetic.multiply,
    "ReLU": activation.relu,
}


@cache
def layers() -> Mapping[str, Layer]:
    """Return all layers by name."""
    table = [
        Layer(f"{name}{axes}d", partial(build, axes))
        for name, build in _BY_DIMENSION.items()
        for axes in (1, 2, 3)
    ]
    table += [Layer(name, build) for name, build in _SINGLE.items()]
    return {layer.name: layer for layer in sorted(table, key=lambda layer: layer.name)}
