"""Outputs with the shape of an input: elementwise functions, normalizations, quantization."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from archlint.graph.dtype import DType
from archlint.graph.inference.contributed.given import Given, Made, Outputs, Rule, product, quotient
from archlint.graph.value import Shape


def same(given: Given) -> Outputs:
    """The first output is like the first input."""
    return (Made(given.shape(0), given.dtype(0)),)


def like(*slots: int) -> Rule:
    """Return a rule whose outputs are like the inputs in these slots."""

    def rule(given: Given) -> Outputs:
        return tuple(Made(given.shape(slot), given.dtype(slot)) for slot in slots)

    return rule


def quantized(given: Given) -> Outputs:
    """Quantizing gives the type of the zero point, uint8 without one."""
    return (Made(given.shape(0), given.dtype(2) or DType.UINT8),)


def dequantized(given: Given) -> Outputs:
    """Dequantizing gives the type of the scale."""
    return (Made(given.shape(0), given.dtype(1)),)


def ordered(given: Given) -> Outputs:
    """Quantizing to a layout of cuBLAS gives int8."""
    return (Made(given.shape(0), DType.INT8),)


def as_attribute(name: str) -> Rule:
    """Return the rule of an output like the first input, whose type is an attribute."""

    def rule(given: Given) -> Outputs:
        return (Made(given.shape(0), DType.from_onnx(given.integer(name, 0) or 0)),)

    return rule


def dropped(given: Given) -> Outputs:
    """Dropout makes a mask of the data's shape."""
    return Made(given.shape(0), given.dtype(0)), Made(given.shape(0), DType.BOOL)


def dropped_bits(given: Given) -> Outputs:
    """Dropout with a mask of 32 elements a word."""
    count = product(*(given.shape(0) or (None,)))
    words = None if count is None else -(-count // 32)
    return Made(given.shape(0), given.dtype(0)), Made((words,), DType.UINT32)


def skip_normalized(given: Given) -> Outputs:
    """The normalized tensor, two statistics of each row, and the sum before normalization."""
    shape = given.shape(0)
    rows: Shape | None = None if shape is None else (*shape[:-1], 1)
    whole, statistic = Made(shape, given.dtype(0)), Made(rows, DType.FLOAT32)
    return whole, statistic, statistic, whole


def both(given: Given) -> Outputs:
    """Two outputs like the first input."""
    return (*same(given), *same(given))


def embedded(given: Given) -> Outputs:
    """Words become rows of the embedding (B, S, H); the lengths of the masks follow."""
    ids = given.of_rank(0, 2) or (None, None)
    rows = (*ids, given.dim(2, -1))
    dtype = given.dtype(5)
    return Made(rows, dtype), Made(ids[:1], DType.INT32), Made(rows, dtype)


def embedded_quantized(given: Given) -> Outputs:
    """As `embedded`, from a table of bytes with a scale."""
    ids = given.of_rank(0, 2) or (None, None)
    return Made((*ids, given.dim(2, -1)), given.dtype(8)), Made(ids[:1], DType.INT32)


def halved(given: Given) -> Outputs:
    """The last axis is split into a gate and the gated values."""
    shape = given.shape(0)
    if shape is None:
        return (Made(None, given.dtype(0)),)
    return (Made((*shape[:-1], quotient(shape[-1], 2)), given.dtype(0)),)


def gated(given: Given) -> Outputs:
    """A gate and the gated values, in two inputs or as halves of one."""
    return same(given) if given.has(1) else halved(given)


ELEMENTWISE: Mapping[str, Rule] = MappingProxyType(
    {
        **dict.fromkeys(
            (
                "BiasAdd",
                "BiasGelu",
                "BiasSoftmax",
                "BranchwiseRMSNorm",
                "ComplexMul",
                "ComplexMulConj",
                "FastGelu",
                "GatedAdd",
                "GatedRMSNorm",
                "Gelu",
                "GroupNorm",
                "HyperConnectionPostMix",
                "Inverse",
                "MRotaryEmbedding",
                "QLinearSoftmax",
                "QOrderedGelu",
                "QOrderedLayerNormalization",
                "QuickGelu",
                "RotaryEmbedding",
                "SampleOp",
                "ScaledSiLU",
                "SimplifiedLayerNormalization",
            ),
            same,
        ),
        "BiasDropout": dropped,
        "BiasSplitGelu": halved,
        "BitmaskBiasDropout": dropped_bits,
        "BitmaskDropout": dropped_bits,
        "DequantizeLinear": dequantized,
        "DequantizeWithOrder": as_attribute("to"),
        "EmbedLayerNormalization": embedded,
        "EngramGate": like(1, 1),
        "GemmaRotaryEmbedding": like(1, 3),
        "LinearAttentionGate": like(0, 3),
        "NGramRepeatBlock": like(1),
        "QEmbedLayerNormalization": embedded_quantized,
        "QuantizeLinear": quantized,
        "QuantizeWithOrder": ordered,
        "SkipGroupNorm": both,
        "SkipLayerNormalization": skip_normalized,
        "SkipSimplifiedLayerNormalization": skip_normalized,
        "SwiGLU": gated,
    }
)
"""The rules of com.microsoft operators by name."""
