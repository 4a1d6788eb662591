"""The architecture files that are measured: layers in several places, and random networks.

A new layer gets a line for each use of it: in `of_maps` if it exists for maps of 1, 2 and 3
dimensions, else in `of_images` or `of_sequences`, by the input that it takes; `joined` has the
networks of layers that take several tensors. `placed` puts each line into four networks. Then
`document_network` says what PyTorch calls the layer, if not by the same name and arguments, and
measure_documents.py measures what is new.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from random import Random
from typing import Any, TypeAlias

Layer: TypeAlias = dict[str, Any]
Shape: TypeAlias = tuple[int, ...]

BATCH = 3
SEQUENCE = (BATCH, 10, 16)
MAPS: Mapping[int, Shape] = {
    1: (BATCH, 8, 32),
    2: (BATCH, 8, 16, 16),
    3: (BATCH, 8, 6, 6, 6),
}
LINEAR: Layer = {"Linear": {"out_features": 16}}

POINTWISE = (
    "CELU", "ELU", "GELU", "Hardsigmoid", "Hardswish", "Hardtanh", "LeakyReLU", "LogSigmoid",
    "Mish", "PReLU", "ReLU", "ReLU6", "SELU", "SiLU", "Sigmoid", "Softplus", "Softsign", "Tanh",
)  # fmt: skip
IN_PLACE = ("ELU", "Hardsigmoid", "Hardswish", "Hardtanh", "LeakyReLU", "Mish", "ReLU", "SiLU")


def convolution(axes: int) -> Layer:
    return {f"Conv{axes}d": {"out_channels": 8, "kernel_size": 3, "padding": 1}}


def of_maps(axes: int) -> Iterator[Layer]:
    """Yield layers that take maps along so many axes."""
    linear = {1: "linear", 2: "bilinear", 3: "trilinear"}[axes]
    of_dimension: tuple[tuple[str, Layer], ...] = (
        ("AdaptiveAvgPool", {"output_size": 1}),
        ("AdaptiveAvgPool", {"output_size": 2}),
        ("AdaptiveMaxPool", {"output_size": 2}),
        ("AvgPool", {"kernel_size": 3, "stride": 1, "padding": 1}),
        ("BatchNorm", {}),
        ("BatchNorm", {"affine": False}),
        ("CircularPad", {"padding": 1}),
        ("Conv", {"out_channels": 8, "kernel_size": 3, "bias": False}),
        ("Conv", {"out_channels": 8, "kernel_size": 3, "groups": 8}),
        ("Conv", {"out_channels": 8, "kernel_size": 4, "padding": "same"}),
        ("Conv", {"out_channels": 8, "kernel_size": 3, "stride": 2, "dilation": 2}),
        ("Conv", {"out_channels": 8, "kernel_size": 3, "padding": 1, "padding_mode": "reflect"}),
        ("ConvTranspose", {"out_channels": 4, "kernel_size": 4, "stride": 2, "padding": 1}),
        ("ConvTranspose", {"out_channels": 8, "kernel_size": 3, "groups": 2}),
        ("Dropout", {"p": 0.1}),
        ("InstanceNorm", {}),
        ("InstanceNorm", {"affine": True}),
        ("MaxPool", {"kernel_size": 2}),
        ("MaxPool", {"kernel_size": 3, "stride": 2, "padding": 1, "ceil_mode": True}),
        ("ReflectionPad", {"padding": 1}),
        ("ReplicationPad", {"padding": 1}),
        ("ZeroPad", {"padding": 1}),
    )
    for name, arguments in of_dimension:
        yield {f"{name}{axes}d": arguments}
    yield {"Dropout": {"p": 0.1}}
    yield {"Flatten": {}}
    yield {"GLU": {"dim": 1}}
    yield {"GroupNorm": {"num_groups": 2}}
    yield {"GroupNorm": {"num_groups": 2, "affine": False}}
    yield {"LocalResponseNorm": {"size": 3}}
    yield {"LogSoftmax": {"dim": 1}}
    yield {"Softmax": {"dim": 1}}
    yield {"Upsample": {"scale_factor": 2, "mode": "nearest"}}
    yield {"Upsample": {"scale_factor": 2, "mode": linear}}


def of_images() -> Iterator[Layer]:
    """Yield layers that take images, or anything."""
    yield from ({name: {}} for name in POINTWISE)
    yield from ({name: {"inplace": True}} for name in IN_PLACE)
    yield {"Add": {"value": 2.0}}
    yield {"ChannelShuffle": {"groups": 2}}
    yield {"Div": {"value": 2.0}}
    yield {"GELU": {"approximate": "tanh"}}
    yield {"GlobalAvgPool": {}}
    yield {"GlobalMaxPool": {}}
    yield {"Identity": {}}
    yield {"Max": {"dim": [2, 3]}}
    yield {"Mean": {"dim": [2, 3]}}
    yield {"Mul": {"value": 2.0}}
    yield {"PReLU": {"num_parameters": 8}}
    yield {"Permute": {"dims": [0, 2, 3, 1]}}
    yield {"PixelShuffle": {"upscale_factor": 2}}
    yield {"PixelUnshuffle": {"downscale_factor": 2}}
    yield {"Reshape": {"shape": [BATCH, 8, 256]}}
    yield {"Select": {"dim": 2, "index": 3}}
    yield {"Slice": {"dim": 2, "start": 1, "end": 9}}
    yield {"SqueezeExcitation": {"squeeze_channels": 4}}
    yield {"Sum": {"dim": [2, 3]}}
    yield {"Unsqueeze": {"dim": 2}}
    yield {"Upsample": {"scale_factor": 2, "mode": "bicubic"}}


def of_sequences() -> Iterator[Layer]:
    """Yield layers that take sequences of vectors."""
    for name in ("GRU", "LSTM", "RNN"):
        yield {name: {"hidden_size": 12, "batch_first": True}}
        yield {name: {"hidden_size": 12, "batch_first": True, "num_layers": 2, "dropout": 0.1}}
    yield {"ClassToken": {}}
    yield {"GLU": {"dim": -1}}
    yield {"LayerNorm": {}}
    yield {"LayerNorm": {"elementwise_affine": False}}
    yield {"Linear": {"out_features": 12, "bias": False}}
    yield {"Linear": {"out_features": 8}, "lora": {"r": 2, "alpha": 4}}
    yield {"Mean": {"dim": 1}}
    yield {"MultiheadAttention": {"num_heads": 4}}
    yield {"MultiheadAttention": {"num_heads": 1, "is_causal": True}}
    yield {"Permute": {"dims": [1, 0, 2]}}
    yield {"PositionEmbedding": {"num_embeddings": 10}}
    yield {"PositionEmbedding": {"num_embeddings": 20}}
    yield {"RMSNorm": {}}
    yield {"Select": {"dim": 1, "index": 0}}
    yield {"Softmax": {"dim": -1}}
    yield {"Transpose": {"dim0": 1, "dim1": 2}}


def placed(layer: Layer, weighted: Layer) -> Iterator[list[Layer]]:
    """Yield networks with a layer: last, before an activation, behind frozen weights, and twice."""
    yield [weighted, layer]
    yield [weighted, layer, {"GELU": {}}]
    yield [{**weighted, "frozen": True}, layer, {"PReLU": {}}]
    yield [weighted, {"Tanh": {}}, layer, {"Sigmoid": {}}]


def joined() -> Iterator[tuple[Shape, list[Layer]]]:
    """Yield networks whose layers take several tensors."""
    image, conv = MAPS[2], convolution(2)
    gate: Layer = {"Mul": {}, "from": ["l1", "l2"]}
    for name in ("Sigmoid", "Hardsigmoid", "Tanh"):  # in two layers: no SiLU, and no Hardswish
        yield image, [conv, {name: {}}, gate, conv]
    yield image, [conv, {"ReLU": {}}, {"Add": {}, "from": ["l2", "l2"]}, conv]
    yield image, [conv, {"Mul": {}, "from": ["l1", "l1"]}, conv]
    yield image, [conv, {"Div": {}, "from": ["x", "l1"]}, conv]
    yield image, [conv, conv, {"Div": {}, "from": ["l1", "l2"]}, conv]
    yield image, [conv, {"Add": {}, "from": ["l1", "x", "l1"]}, conv]
    yield image, [
        conv, {"ReLU": {}}, conv, {"ReLU": {}}, {"Concat": {"dim": 1}, "from": ["l2", "l4"]}, conv,
        {"Concat": {"dim": 1}, "from": ["l5", "l6"]}, conv,
    ]  # fmt: skip
    yield image, [
        conv, {"MaxPool2d": {"kernel_size": 2}}, conv, {"Upsample": {"scale_factor": 2}},
        {"Concat": {"dim": 1}, "from": ["l4", "l1"]}, conv,
    ]  # fmt: skip
    attends = {"MultiheadAttention": {"num_heads": 2}}
    yield SEQUENCE, [LINEAR, {**attends, "from": ["l1", "x"]}, LINEAR]
    yield SEQUENCE, [LINEAR, attends, {"ReLU": {}}, LINEAR]  # what it returns lies steps first
    yield SEQUENCE, [LINEAR, attends, attends, {"Mul": {}, "from": ["l3", "l2"]}, LINEAR]
    yield SEQUENCE, [LINEAR, LINEAR, {**attends, "from": ["l1", "l2"]}, LINEAR]
    yield SEQUENCE, [
        LINEAR, LINEAR, LINEAR, {"Transpose": {"dim0": 1, "dim1": 2}, "from": ["l2"]},
        {"MatMul": {}, "from": ["l1", "l4"]}, {"Div": {"value": 4.0}}, {"Softmax": {"dim": -1}},
        {"Dropout": {"p": 0.1}}, {"MatMul": {}, "from": ["l8", "l3"]}, LINEAR,
    ]  # fmt: skip


def random_layers(seed: int) -> tuple[Shape, list[Layer]]:
    """Return a network of layers that keep the shape, some of which read an earlier tensor too."""
    draw = Random(seed)  # noqa: S311 - no secret
    axes = draw.choice((0, 1, 2, 3))
    shape = SEQUENCE if axes == 0 else MAPS[axes]
    weighted = [LINEAR] if axes == 0 else [convolution(axes)]
    norms = (
        [{"LayerNorm": {}}]
        if axes == 0
        else [{f"BatchNorm{axes}d": {}}, {"GroupNorm": {"num_groups": 2}}]
    )
    special: list[Layer] = [{"Dropout": {"p": 0.1}}, {"LocalResponseNorm": {"size": 3}}]
    if axes == 0:
        special = [{"MultiheadAttention": {"num_heads": 4}}, {"Softmax": {"dim": -1}}]
    layers: list[Layer] = [dict(weighted[0])]
    for at in range(2, draw.randint(5, 12)):
        kind = draw.random()
        if kind < 0.2 and at > 2:
            other = f"l{draw.randint(1, at - 2)}"
            layers.append({draw.choice(("Add", "Mul", "Sub")): {}, "from": [f"l{at - 1}", other]})
        elif kind < 0.45:
            frozen = {"frozen": True} if draw.random() < 0.2 else {}
            layers.append({**weighted[0], **frozen})
        elif kind < 0.75:
            layers.append({draw.choice(POINTWISE): {}})
        else:
            layers.append(dict(draw.choice(norms if kind < 0.87 else special)))
    return shape, [*layers, {"Flatten": {}}, {"Linear": {"out_features": 5}}]


def documents() -> Iterator[tuple[Shape, list[Layer]]]:
    """Yield the shape of the input x, and the layers."""
    for axes, shape in MAPS.items():
        for layer in (*of_maps(axes), *(of_images() if axes == 2 else ())):
            yield from ((shape, named(layers)) for layers in placed(layer, convolution(axes)))
    for layer in of_sequences():
        yield from ((SEQUENCE, named(layers)) for layers in placed(layer, LINEAR))
    yield from ((shape, named(layers)) for shape, layers in joined())
    for seed in range(60):
        shape, layers = random_layers(seed)
        yield shape, named(layers)


def named(layers: list[Layer]) -> list[Layer]:
    """Call the layers l1, l2 and so on."""
    return [{**layer, "name": f"l{number}"} for number, layer in enumerate(layers, 1)]
