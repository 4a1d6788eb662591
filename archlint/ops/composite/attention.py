"""Scaled dot-product attention, which exporters decompose into products and a softmax."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import prod
from types import MappingProxyType

from msgspec.structs import replace

from archlint.graph.dtype import DType
from archlint.graph.graph import Graph
from archlint.graph.program.calls import ExportedCall
from archlint.graph.value import Shape
from archlint.ops.autocast import IN_HALF
from archlint.ops.call import Call, width
from archlint.ops.composite.composite import (
    NONE,
    Attributes,
    Composite,
    Form,
    framework_operator,
    reads_nothing,
)
from archlint.ops.composite.pattern import Matching, Number, Pattern, Tensor, either, made
from archlint.ops.operator import SavedFacet
from archlint.ops.saved import NOTHING, Gradients, SavedTensors
from archlint.ops.storage import Layout, Storage
from archlint.ops.strides import reshape

_TARGET = "aten.scaled_dot_product_attention.default"
_STATISTIC_BYTES = 4  # the logarithm of the sum of exponentials of each row, in float32
_SEED_BYTES = 24  # the state of the random numbers, which the kernel of GPUs saves for dropout
_EFFICIENT_SEED_BYTES = 16  # two int64, whether anything is dropped or not
_ALIGNED_ROWS = 32
_FLOAT_BYTES, _FLOAT_BITS = 4, 32
_INPUTS = ("query", "key", "value", "mask")

# Both exporters scale queries and keys by the root of the scale each, which hand-written code does
# not do.
_SCORES = made(
    "MatMul",
    made("Mul", Tensor("query"), Number()),
    made("Mul", Tensor("key"), Number()),
)
# A causal mask is an option of the kernel, not a tensor; exporters create a triangle for it.
_CAUSAL = made(
    "Where", made("Equal", made("Trilu", Tensor("ones")), Number(0)), Number(), Number(0)
)
# A mask of bools is another: rows of it that block everything are zero in the framework.
_BLOCKED = made("Where", Tensor("mask"), Number(0), Number())
_SOFTMAX = either(
    made(
        "Where",
        made("IsNaN", Tensor("weights")),
        Number(0),
        made("Softmax", made("Add", _SCORES, _BLOCKED), label="weights"),
    ),
    made("Softmax", made("Add", _SCORES, _CAUSAL)),
    made("Softmax", made("Add", _SCORES, Tensor("mask"))),
    made("Softmax", _SCORES),
)


def saves_flash(call: Call, gradients: Gradients) -> SavedTensors:
    """A fused kernel saves queries, keys, values, the output, a mask, and one number per row.

    On the CPU it supports neither grouped key heads nor a trained mask.
    """
    if not gradients.needed:
        return NOTHING
    is_alike = call.shape(0)[:-2] == call.shape(1)[:-2] == call.shape(2)[:-2]
    is_alike = is_alike or bool(call.integer("grouped", 0))  # as where kernels take such heads
    if not gradients.on_gpu and (gradients[3] or not is_alike):
        return saves_materialized(call, gradients)
    own = _STATISTIC_BYTES * prod(call.shape(0)[:-1])
    mask: tuple[int, ...] = (3,) if call.has_input(3) else ()
    if mask and call.input(3).dtype is DType.BOOL:  # made into numbers to be added, then saved
        own, mask = own + width(call.input(0)) // 8 * call.elements(3), ()
    if gradients.on_gpu and width(call.input(0)) < _FLOAT_BITS:
        own += _SEED_BYTES
    return SavedTensors(inputs=(0, 1, 2, *mask), outputs=(0,), own=own)


def saves_efficient(call: Call, gradients: Gradients) -> SavedTensors:
    """Save what flash attention saves, with rows rounded up to 32 (xFormers' kernel)."""
    saved = saves_flash(call, gradients)
    if not gradients.needed:
        return saved
    *lead, length, _ = call.shape(0)
    rows = prod(lead) * -(-length // _ALIGNED_ROWS) * _ALIGNED_ROWS
    return replace(saved, own=_STATISTIC_BYTES * rows + _EFFICIENT_SEED_BYTES)


def saves_materialized(call: Call, gradients: Gradients) -> SavedTensors:
    """Without a fused kernel: scaled queries and keys, the weights, and the values.

    Dropout also saves its mask and its result. Everything is in fp32: queries, keys and values in
    half precision are copied first.
    """
    if not gradients.needed:
        return NOTHING
    lead = _joint([call.shape(slot)[:-2] for slot in range(3)])
    query, key, value = (_FLOAT_BYTES * prod((*lead, *call.shape(slot)[-2:])) for slot in range(3))
    # The exporter may have transposed the keys.
    scores = query * prod(call.shape(1)[-2:]) // call.shape(0)[-1] ** 2
    dropped = scores if call.number("dropout", 0.0) else 0
    mask = dropped // _FLOAT_BYTES if gradients.bool_masks else dropped
    is_half = width(call.input(0)) < _FLOAT_BITS
    is_copied = is_half or _is_copied(call, gradients, 2, lead)
    copied = value if is_copied else 0
    own = query + key + scores + mask + dropped + copied
    output = _FLOAT_BYTES * prod((*call.shape(0)[:-1], call.shape(2)[-1]))
    # The worst instants of the backward pass are before queries and keys have their gradients: the
    # weights get theirs beside the values; then, when the output's and the copied values are gone,
    # the scores get theirs out of it.
    passed = (0 if dropped else scores) - copied - output
    transient = scores - query - key + max(passed, 0)
    if not is_half:
        turned = query if _is_copied(call, gradients, 0, lead) else 0
        before = scores - mask - dropped - copied - output
        return SavedTensors(
            inputs=() if is_copied else (2,),
            own=own,
            transient=transient,
            forward_transient=turned + max(before, 0),
        )
    # The gradients of the output and of the values in fp32, before any is in half precision.
    wide = max(output + value - (query + key + value) // 2, 0)
    return SavedTensors(own=own, transient=scores + wide, forward_transient=query + key + output)


def _is_copied(call: Call, gradients: Gradients, slot: int, lead: tuple[int, ...]) -> bool:
    """Whether heads of an operand have to be copied, to lie one after the other."""
    shape, strides = call.shape(slot), gradients.strides_of(slot)
    merged = (prod(lead), *shape[-2:])
    return shape[:-2] != lead or (strides is not None and reshape(shape, strides, merged) is None)


def _joint(leads: list[tuple[int, ...]]) -> tuple[int, ...]:
    """Return the axes before the last two to which those of all operands are stretched."""
    return tuple(map(max, *leads)) if len(set(map(len, leads))) == 1 else leads[0]


def composites(kernel: str, *, drops_fused: bool) -> tuple[Composite, ...]:
    """Return attention as the fused kernel runs it, and as it is without one."""
    dropped = _weighted(made("Dropout", _SOFTMAX))
    fused_forms = (dropped, _weighted(_SOFTMAX)) if drops_fused else (_weighted(_SOFTMAX),)
    name, saved = _FUSED.get(kernel, _FUSED["flash"])
    fused = Composite(
        framework_operator(
            name,
            saved,
            storage=Storage(layout=Layout.FOLLOWS_FIRST, held_by_variables=True),
            casting=IN_HALF,
            cached=(1, 2),
        ),
        tuple(Form(pattern, _INPUTS, _fits_fused) for pattern in fused_forms),
        (_TARGET,),
        (0, 1, 2, 3),
        reads_nothing if drops_fused else _reads_fused,
        _shape_of,
    )
    plain = Composite(
        framework_operator(
            "MaterializedAttention",
            saves_materialized,
            casting=IN_HALF,
            cached=(1, 2),
            storage=Storage(held_by_variables=True),
        ),
        (
            Form(dropped, _INPUTS, _dropping),
            Form(_weighted(_SOFTMAX), _INPUTS),
        ),
        (_TARGET,),
        (0, 1, 2, 3),
        _reads_plain,
        _shape_of,
    )
    return (plain,) if kernel == "math" else (fused, plain)


# The kernels that PyTorch calls flash and memory-efficient attention.
_FUSED: Mapping[str, tuple[str, SavedFacet]] = MappingProxyType(
    {
        "flash": ("FlashAttention", saves_flash),
        "efficient": ("EfficientAttention", saves_efficient),
    }
)


FUSED_KERNELS = frozenset(name for name, _ in _FUSED.values())
"""The operators that stand for attention in one kernel."""


def _weighted(weights: Pattern) -> Pattern:
    return made("MatMul", weights, Tensor("value"))


def _fits_fused(matching: Matching, graph: Graph) -> Attributes | None:
    """Accept what the fused kernel takes: batches of heads, all of one width."""
    query = graph.values[matching.tensors["query"]].shape
    value = graph.values[matching.tensors["value"]].shape
    if query is None or value is None or len(query) != 4 or query[-1] != value[-1]:
        return None
    return NONE


def _shape_of(slot: int, shapes: Sequence[Shape | None], _: Shape | None) -> Shape | None:
    """Return the shape of the keys, or of the values: they have the same heads and positions."""
    query, key, value = shapes[:3]
    if slot == 1 and query is not None and value is not None:
        return (*value[:-1], query[-1])
    return (*key[:-1], value[-1]) if slot == 2 and key is not None and value is not None else None


def _dropping(_: Matching, __: Graph) -> Attributes:
    return {"dropout": 1.0}


def _dropout(call: ExportedCall) -> float:
    try:
        return float(call.keywords.get("dropout_p") or call.argument(4, "0.0"))
    except ValueError:
        return 0.0


def _reads_fused(call: ExportedCall) -> Attributes | None:
    return None if _dropout(call) else NONE


def _reads_plain(call: ExportedCall) -> Attributes | None:
    return {"dropout": _dropout(call)}
