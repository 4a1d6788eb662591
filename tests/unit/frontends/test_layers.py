"""Each layer compiles to a correct model, which runs and gives the shape that PyTorch gives."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
import pytest
from onnx import helper

from archlint.frontends.architecture.export import export
from archlint.frontends.architecture.layers.table import layers
from onnx_messages import trained_numbers

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

Shape = tuple[int, ...]
Case = tuple[str, Shape, Shape, int]

# Layer, input shape, output shape by PyTorch's documentation, trained parameters.
CASES: list[Case] = [
    ("Conv1d: {out_channels: 4, kernel_size: 3, stride: 2}", (2, 3, 11), (2, 4, 5), 40),
    ("Conv2d: {out_channels: 6, kernel_size: 3, padding: same, dilation: 2}",
     (2, 4, 9, 9), (2, 6, 9, 9), 222),
    ("Conv2d: {out_channels: 6, kernel_size: [3, 2], padding: [1, 0], groups: 2, bias: false}",
     (2, 4, 9, 9), (2, 6, 9, 8), 72),
    ("Conv2d: {out_channels: 6, kernel_size: 4, padding: same}", (2, 4, 9, 9), (2, 6, 9, 9), 390),
    ("Conv2d: {out_channels: 1, kernel_size: 3, padding: [0, 1, 2, 1]}",
     (2, 1, 9, 9), (2, 1, 9, 9), 10),
    ("Conv1d: {out_channels: 1, kernel_size: 3, dilation: 4, padding: causal}",
     (2, 1, 9), (2, 1, 9), 4),
    ("Conv2d: {out_channels: 1, kernel_size: 3, padding: 1, padding_mode: circular}",
     (2, 1, 9, 9), (2, 1, 9, 9), 10),
    ("CircularPad1d: {padding: [2, 1]}", (2, 3, 5), (2, 3, 8), 0),
    ("Conv3d: {out_channels: 2, kernel_size: 3, padding: 1}",
     (2, 1, 4, 5, 6), (2, 2, 4, 5, 6), 56),
    ("ConvTranspose1d: {out_channels: 2, kernel_size: 4, stride: 2, padding: 1}",
     (2, 3, 5), (2, 2, 10), 26),
    ("ConvTranspose2d: {out_channels: 4, kernel_size: 3, stride: 2, output_padding: 1, groups: 2}",
     (2, 6, 5, 5), (2, 4, 12, 12), 112),
    ("MaxPool2d: {kernel_size: 3, stride: 2, padding: 1}", (2, 3, 8, 8), (2, 3, 4, 4), 0),
    ("MaxPool2d: {kernel_size: 2, ceil_mode: true}", (2, 3, 5, 5), (2, 3, 3, 3), 0),
    ("AvgPool1d: {kernel_size: 2}", (2, 3, 5), (2, 3, 2), 0),
    ("AdaptiveAvgPool2d: {output_size: 1}", (2, 3, 7, 5), (2, 3, 1, 1), 0),
    ("AdaptiveAvgPool2d: {output_size: [7, 7]}", (2, 3, 14, 7), (2, 3, 7, 7), 0),
    ("AdaptiveMaxPool1d: {output_size: 3}", (2, 3, 6), (2, 3, 3), 0),
    ("GlobalAvgPool", (2, 3, 4, 4), (2, 3, 1, 1), 0),
    ("GlobalMaxPool", (2, 3, 4, 4), (2, 3, 1, 1), 0),
    ("BatchNorm1d", (2, 3), (2, 3), 6),
    ("BatchNorm2d: {affine: false}", (2, 3, 4, 4), (2, 3, 4, 4), 0),
    ("InstanceNorm2d", (2, 3, 4, 4), (2, 3, 4, 4), 0),
    ("InstanceNorm1d: {affine: true}", (2, 3, 4), (2, 3, 4), 6),
    ("GroupNorm: {num_groups: 2}", (2, 4, 3, 3), (2, 4, 3, 3), 8),
    ("LayerNorm", (2, 3, 4), (2, 3, 4), 8),
    ("LayerNorm: {normalized_shape: [3, 4], bias: false}", (2, 3, 4), (2, 3, 4), 12),
    ("LayerNorm: {elementwise_affine: false}", (2, 3, 4), (2, 3, 4), 0),
    ("RMSNorm: {eps: 1e-6}", (2, 3, 4), (2, 3, 4), 4),
    ("LocalResponseNorm: {size: 3}", (2, 4, 3, 3), (2, 4, 3, 3), 0),
    ("PReLU", (2, 3, 4, 4), (2, 3, 4, 4), 1),
    ("PReLU: {num_parameters: 3}", (2, 3, 4, 4), (2, 3, 4, 4), 3),
    ("GLU", (2, 3, 4), (2, 3, 2), 0),
    ("Linear: {out_features: 5}", (2, 3), (2, 5), 20),
    ("Linear: {out_features: 5, bias: false}", (2, 4, 3), (2, 4, 5), 15),
    ("MultiheadAttention: {num_heads: 2}", (2, 5, 8), (2, 5, 8), 4 * 8 * 8 + 4 * 8),
    ("MultiheadAttention: {num_heads: 4, num_kv_heads: 2, bias: false}",
     (2, 5, 8), (2, 5, 8), 8 * (8 + 4 + 4 + 8)),
    ("MultiheadAttention: {num_heads: 2, rotary: true, is_causal: true, head_dim: 6}",
     (2, 5, 8), (2, 5, 8), 4 * 8 * 12 + 3 * 12 + 8),
    ("LSTM: {hidden_size: 5}", (7, 2, 3), (7, 2, 5), 4 * (5 * 3 + 5 * 5 + 10)),
    ("LSTM: {hidden_size: 5, num_layers: 2, bidirectional: true, batch_first: true}",
     (2, 7, 3), (2, 7, 10), 2 * 4 * (5 * 3 + 5 * 5 + 10) + 2 * 4 * (5 * 10 + 5 * 5 + 10)),
    ("GRU: {hidden_size: 5, bias: false}", (7, 2, 3), (7, 2, 5), 3 * (5 * 3 + 5 * 5)),
    ("RNN: {hidden_size: 5, nonlinearity: relu, dropout: 0.1, num_layers: 2}",
     (7, 2, 3), (7, 2, 5), 15 + 25 + 10 + 25 + 25 + 10),
    ("Upsample: {scale_factor: 2}", (2, 3, 4, 5), (2, 3, 8, 10), 0),
    ("Upsample: {scale_factor: [2, 3], mode: bilinear}", (2, 3, 4, 5), (2, 3, 8, 15), 0),
    ("Upsample: {size: [7, 9], mode: bicubic}", (2, 3, 4, 5), (2, 3, 7, 9), 0),
    ("PixelShuffle: {upscale_factor: 2}", (2, 8, 3, 3), (2, 2, 6, 6), 0),
    ("PixelUnshuffle: {downscale_factor: 3}", (2, 2, 6, 6), (2, 18, 2, 2), 0),
    ("ChannelShuffle: {groups: 2}", (2, 6, 3, 3), (2, 6, 3, 3), 0),
    ("Pad: {padding: [1, 2, 3, 4]}", (2, 3, 4, 5), (2, 3, 11, 8), 0),
    ("ZeroPad2d: {padding: [1, 2, 3, 4]}", (2, 3, 4, 5), (2, 3, 11, 8), 0),
    ("ReflectionPad1d: {padding: 2}", (2, 3, 4), (2, 3, 8), 0),
    ("ReplicationPad3d: {padding: 1}", (2, 1, 2, 3, 4), (2, 1, 4, 5, 6), 0),
    ("Flatten", (2, 3, 4), (2, 12), 0),
    ("Flatten: {start_dim: 2}", (2, 3, 4, 5), (2, 3, 20), 0),
    ("Unflatten: {dim: 1, sizes: [2, 3]}", (2, 6, 4), (2, 2, 3, 4), 0),
    ("Reshape: {shape: [0, -1, 2]}", (2, 3, 4), (2, 6, 2), 0),
    ("Permute: {dims: [0, 2, 1]}", (2, 3, 4), (2, 4, 3), 0),
    ("Transpose: {dim0: 1, dim1: -1}", (2, 3, 4), (2, 4, 3), 0),
    ("Squeeze: {dim: 1}", (2, 1, 4), (2, 4), 0),
    ("Unsqueeze: {dim: -1}", (2, 4), (2, 4, 1), 0),
    ("Slice: {dim: 1, start: 1, end: -1, step: 2}", (2, 7), (2, 3), 0),
    ("Select: {dim: 1, index: -1}", (2, 7, 3), (2, 3), 0),
    ("Chunk: {chunks: 3}", (2, 6, 4), (2, 2, 4), 0),
    ("Split: {sizes: [1, 5]}", (2, 6, 4), (2, 1, 4), 0),
    ("Mean: {dim: [2, 3]}", (2, 3, 4, 5), (2, 3), 0),
    ("Sum: {dim: 1, keepdim: true}", (2, 3, 4), (2, 1, 4), 0),
    ("Max: {dim: -1}", (2, 3, 4), (2, 3), 0),
    ("Mul: {value: 2}", (2, 3), (2, 3), 0),
    ("Dropout: {p: 0.1}", (2, 3), (2, 3), 0),
    ("ClassToken", (2, 5, 4), (2, 6, 4), 4),
    ("PositionEmbedding: {num_embeddings: 9}", (2, 5, 4), (2, 5, 4), 36),
    ("SqueezeExcitation: {squeeze_channels: 2, activation: SiLU}",
     (2, 4, 3, 3), (2, 4, 3, 3), 4 * 2 + 2 + 2 * 4 + 4),
    ("onnx.Erf", (2, 3), (2, 3), 0),
    ("onnx.ReduceMean: {axes: [1], keepdims: 0}", (2, 3, 4), (2, 4), 0),
    ("onnx.Selu: {alpha: 1.5}", (2, 3), (2, 3), 0),
]  # fmt: skip

SHUFFLE = "PixelShuffle: {upscale_factor: 2}"
UNSHUFFLE = "PixelUnshuffle: {downscale_factor: 2}"
CAUSAL_CONVOLUTION = """Sequential:
      - Permute: {dims: [0, 2, 1]}
      - Conv1d: {out_channels: 8, kernel_size: 3, padding: causal}
      - Permute: {dims: [0, 2, 1]}"""

ACTIVATIONS: dict[str, Callable[[Any], Any]] = {
    "ReLU": lambda x: np.maximum(x, 0),
    "ReLU6": lambda x: np.clip(x, 0, 6),
    "LeakyReLU: {negative_slope: 0.2}": lambda x: np.where(x > 0, x, 0.2 * x),
    "ELU: {alpha: 2}": lambda x: np.where(x > 0, x, 2 * np.expm1(x)),
    "CELU: {alpha: 2}": lambda x: np.where(x > 0, x, 2 * np.expm1(x / 2)),
    "SELU": lambda x: 1.0507009873 * np.where(x > 0, x, 1.6732632423 * np.expm1(x)),
    "SiLU": lambda x: x / (1 + np.exp(-x)),
    "GELU: {approximate: tanh}": lambda x: (
        x / 2 * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3)))
    ),
    "Mish": lambda x: x * np.tanh(np.log1p(np.exp(x))),
    "Hardswish": lambda x: x * np.clip(x + 3, 0, 6) / 6,
    "Hardsigmoid": lambda x: np.clip(x + 3, 0, 6) / 6,
    "Hardtanh: {min_val: -2, max_val: 0.5}": lambda x: np.clip(x, -2, 0.5),
    "Sigmoid": lambda x: 1 / (1 + np.exp(-x)),
    "LogSigmoid": lambda x: -np.log1p(np.exp(-x)),
    "Tanh": np.tanh,
    "Softplus": lambda x: np.log1p(np.exp(x)),
    "Softplus: {beta: 2}": lambda x: np.log1p(np.exp(2 * x)) / 2,
    "Softsign": lambda x: x / (1 + np.abs(x)),
    "Softmax: {dim: 0}": lambda x: np.exp(x) / np.exp(x).sum(0),
    "LogSoftmax": lambda x: x - np.log(np.exp(x).sum(-1, keepdims=True)),
}


def one_layer(layer: str, shape: Shape, dtype: str = "float32") -> str:
    dims = ", ".join(["N", *map(str, shape[1:])])
    return (
        f"archlint: 1\ninputs: {{x: {{shape: [{dims}], dtype: {dtype}}}}}\nlayers:\n  - {layer}\n"
    )


def random(shape: Shape) -> NDArray[np.float32]:
    return np.random.default_rng(0).normal(size=shape).astype(np.float32)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case[0])
def test_a_layer_gives_the_shape_and_the_parameters_of_pytorch(
    compile_text: Any, run: Any, case: Case
) -> None:
    layer, shape, expected, parameters = case
    architecture = compile_text(one_layer(layer, shape))
    onnx.checker.check_model(architecture.model)
    assert trained_numbers(architecture.model) == parameters
    assert run(export(architecture), {"x": random(shape)})[0].shape == expected


@pytest.mark.parametrize("case", CASES, ids=lambda case: case[0])
def test_the_declared_output_has_the_shape_that_it_will_have(compile_text: Any, case: Case) -> None:
    layer, shape, expected, _ = case
    (output,) = compile_text(one_layer(layer, shape)).model.graph.output
    declared = [dim.dim_value or dim.dim_param for dim in output.type.tensor_type.shape.dim]
    if layer.startswith(("LSTM", "GRU", "RNN")) and "batch_first" not in layer:
        assert declared == ["N", *expected[1:]]
    assert [dim for dim in declared[1:] if dim] == list(expected[1:]), "no size is lost"


@pytest.mark.parametrize("layer", ACTIVATIONS)
def test_an_activation_computes_its_formula(compile_text: Any, run: Any, layer: str) -> None:
    x = 3 * random((4, 5))
    architecture = compile_text(one_layer(layer, x.shape))
    (found,) = run(export(architecture), {"x": x})
    assert np.allclose(found, ACTIVATIONS[layer](x.astype(np.float64)), atol=1e-5)


def test_every_layer_of_the_table_is_tried() -> None:
    tried = {layer.partition(":")[0] for layer, *_ in CASES} | {
        layer.partition(":")[0] for layer in ACTIVATIONS
    }
    elsewhere = {
        "Add",
        "Concat",
        "Div",
        "Embedding",
        "Identity",
        "MatMul",
        "Parameter",
        "Sub",
        "GELU",
    }
    dimensions = {name[:-2] for name in tried if name[-1] == "d"}
    missing = {
        name
        for name in layers()
        if name not in tried | elsewhere and name[:-2] not in dimensions | {"Dropout"}
    }
    assert missing == set()


def test_an_embedding_takes_integers_and_a_linear_layer_shares_its_weight(
    compile_text: Any, run: Any
) -> None:
    architecture = compile_text(
        """
archlint: 1
inputs: {tokens: {shape: [N, S], dtype: int64}}
layers:
  - Embedding: {num_embeddings: 11, embedding_dim: 4}
    name: words
  - Linear: {bias: false}
    tie: words
"""
    )
    assert trained_numbers(architecture.model) == 44
    model = export(architecture)
    tokens = np.array([[1, 2, 10]])
    table = onnx.numpy_helper.to_array(model.graph.initializer[0])
    (scores,) = run(model, {"tokens": tokens})
    assert np.allclose(scores, table[tokens] @ table.T, atol=1e-5)


@pytest.mark.parametrize(
    "layer",
    [
        "{Linear: {out_features: 7}, lora: {r: 2, alpha: 4}}",
        "{Linear: {out_features: 7}, lora: {r: 2, alpha: 4}, frozen: true}",
        "{Linear: {out_features: 7}, lora: {r: 2, alpha: 4}, frozen: false}",
        "{Sequential: [{Linear: {out_features: 7}, lora: {r: 2, alpha: 4}}], frozen: true}",
    ],
    ids=["alone", "frozen", "not frozen", "in a frozen block"],
)
def test_a_low_rank_adapter_trains_two_thin_matrices_only(compile_text: Any, layer: str) -> None:
    text = one_layer(layer, (2, 5))
    model = compile_text(text).model
    frozen, free = 0, 0
    for tensor in model.graph.initializer:
        facts = {entry.key: entry.value for entry in tensor.metadata_props}
        if "archlint.initializer" in facts:
            frozen += prod(tensor.dims) if "archlint.frozen" in facts else 0
            free += 0 if "archlint.frozen" in facts else prod(tensor.dims)
    assert (frozen, free) == (5 * 7 + 7, 2 * 5 + 2 * 7)


@pytest.mark.parametrize(
    "layer",
    [
        "MultiheadAttention: {num_heads: 2, is_causal: true, rotary: true}",
        CAUSAL_CONVOLUTION,
    ],
)
def test_what_is_causal_does_not_look_ahead(compile_text: Any, run: Any, layer: str) -> None:
    model = export(compile_text(one_layer(layer, (1, 6, 8))))
    x = random((1, 6, 8))
    changed = x.copy()
    changed[:, -1] += 1
    before, after = run(model, {"x": x})[0], run(model, {"x": changed})[0]
    assert np.array_equal(before[:, :-1], after[:, :-1])
    assert not np.allclose(before[:, -1], after[:, -1])


@pytest.mark.parametrize(
    ("first", "second", "shape"),
    [
        (SHUFFLE, UNSHUFFLE, (1, 8, 3, 3)),
        (UNSHUFFLE, SHUFFLE, (1, 2, 6, 6)),
        ("ChannelShuffle: {groups: 2}", "ChannelShuffle: {groups: 3}", (1, 6, 3, 3)),
        ("Flatten", "Unflatten: {dim: 1, sizes: [2, 3]}", (2, 2, 3)),
    ],
)  # fmt: skip
def test_a_layer_and_its_inverse_do_nothing(
    compile_text: Any, run: Any, first: str, second: str, shape: Shape
) -> None:
    text = one_layer(first, shape) + f"  - {second}\n"
    x = random(shape)
    assert np.array_equal(run(export(compile_text(text)), {"x": x})[0], x)


def test_the_checker_knows_the_operators_of_the_model_by_its_opset(compile_text: Any) -> None:
    plain = compile_text(one_layer("ReLU", (2, 3))).model
    newer = compile_text(one_layer("RMSNorm", (2, 3))).model
    assert (plain.opset_import[0].version, plain.ir_version) == (21, 10)
    assert (newer.opset_import[0].version, newer.ir_version) == (23, 11)
    assert helper.find_min_ir_version_for(newer.opset_import) <= 11
