"""The table of all layers, by name."""

from __future__ import annotations

from functools import cache, partial
from typing import TYPE_CHECKING

from archlint.frontends.architecture.layer import Layer
from archlint.frontends.architecture.layers import (
    arithmetic,
    attention,
    border,
    convolution,
    embedding,
    gate,
    linear,
    normalization,
    pooling,
    recurrent,
    resampling,
    tensor,
)
from archlint.frontends.architecture.layers.activation import ACTIVATIONS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from archlint.frontends.architecture.tensor import Tensor

# One function serves 1, 2 and 3 dimensions: it takes their number first.
_BY_DIMENSION: dict[str, Callable[..., Tensor]] = {
    "AdaptiveAvgPool": pooling.adaptive_average_pool,
    "AdaptiveMaxPool": pooling.adaptive_max_pool,
    "AvgPool": pooling.average_pool,
    "BatchNorm": normalization.batch_norm,
    "Conv": convolution.convolution,
    "ConvTranspose": convolution.transposed,
    "InstanceNorm": normalization.instance_norm,
    "MaxPool": pooling.max_pool,
}

_PADS: dict[str, border.Mode] = {
    "CircularPad": "circular",
    "ReflectionPad": "reflect",
    "ReplicationPad": "replicate",
    "ZeroPad": "constant",
}

_SINGLE: dict[str, Callable[..., Tensor | tuple[Tensor, ...]]] = {
    "Add": partial(arithmetic.elementwise, "Add"),
    "ChannelShuffle": resampling.channel_shuffle,
    "Chunk": tensor.chunk,
    "ClassToken": embedding.class_token,
    "Concat": tensor.concatenate,
    "Div": partial(arithmetic.elementwise, "Div"),
    "Dropout": tensor.dropout,
    "Embedding": embedding.embedding,
    "Flatten": tensor.flatten,
    "GRU": partial(recurrent.gated, "GRU"),
    "GlobalAvgPool": pooling.global_average_pool,
    "GlobalMaxPool": pooling.global_max_pool,
    "GroupNorm": normalization.group_norm,
    "Identity": tensor.identity,
    "LSTM": partial(recurrent.gated, "LSTM"),
    "LayerNorm": normalization.layer_norm,
    "Linear": linear.linear,
    "LocalResponseNorm": normalization.local_response_norm,
    "MatMul": arithmetic.matrix_multiply,
    "Max": partial(tensor.reduce, "ReduceMax"),
    "Mean": partial(tensor.reduce, "ReduceMean"),
    "Mul": partial(arithmetic.elementwise, "Mul"),
    "MultiheadAttention": attention.multihead_attention,
    "Pad": border.pad,
    "Parameter": embedding.parameter,
    "Permute": tensor.permute,
    "PixelShuffle": resampling.pixel_shuffle,
    "PixelUnshuffle": resampling.pixel_unshuffle,
    "PositionEmbedding": embedding.position_embedding,
    "RMSNorm": normalization.rms_norm,
    "RNN": recurrent.plain,
    "Reshape": tensor.reshape,
    "Select": tensor.select,
    "Slice": tensor.cut,
    "Split": tensor.split,
    "SqueezeExcitation": gate.squeeze_excitation,
    "Squeeze": tensor.squeeze,
    "Sub": partial(arithmetic.elementwise, "Sub"),
    "Sum": partial(tensor.reduce, "ReduceSum"),
    "Transpose": tensor.transpose,
    "Unflatten": tensor.unflatten,
    "Unsqueeze": tensor.unsqueeze,
    "Upsample": resampling.upsample,
    **dict.fromkeys(("Dropout1d", "Dropout2d", "Dropout3d"), tensor.channel_dropout),
    **ACTIVATIONS,
}


@cache
def layers() -> Mapping[str, Layer]:
    """Return all layers by name."""
    table = [
        Layer(f"{name}{axes}d", partial(build, axes))
        for name, build in _BY_DIMENSION.items()
        for axes in (1, 2, 3)
    ]
    table += [
        Layer(f"{name}{axes}d", partial(border.pad_maps, axes, mode))
        for name, mode in _PADS.items()
        for axes in (1, 2, 3)
    ]
    table += [Layer(name, build) for name, build in _SINGLE.items()]
    return {layer.name: layer for layer in sorted(table, key=lambda layer: layer.name)}
