"""Contributed elementwise functions, some fused with a bias, a residual or a gate."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from msgspec.structs import replace

from archlint.graph.inference.contributed.stand_in import MICROSOFT
from archlint.ops.call import Call, nbytes
from archlint.ops.contributed.entry import inference_only, trainable
from archlint.ops.cost import Cost, Product
from archlint.ops.facets import (
    no_cost,
    per_input,
    per_output,
    saves_input,
    saves_inputs,
    saves_nothing,
    saves_output,
    sees_broadcast,
    sees_elementwise,
    sees_first_input,
)
from archlint.ops.links import (
    InputLinks,
    Link,
    Links,
    Opaque,
    Through,
    Whole,
    same_axes,
    same_axes_but,
)
from archlint.ops.nonlinearity import function_of
from archlint.ops.operator import LinksFacet, Operator, SavedFacet
from archlint.ops.reach import Reach
from archlint.ops.saved import NOTHING, Gradients, SavedTensors
from archlint.ops.signals import passes
from archlint.ops.standard.activation import sees_softmax
from archlint.ops.standard.determinant import sees_whole_matrix
from archlint.ops.storage import LIKE_INPUTS
from archlint.ops.taps import Taps
from archlint.ops.undetermined import Undetermined
from archlint.ops.weight_origin import WeightOrigin


def saves_biased(call: Call, gradients: Gradients) -> SavedTensors:
    """Save the input, or its sum with the bias."""
    if not gradients.needed:
        return NOTHING
    return (
        SavedTensors(own=nbytes(call.input(0))) if call.has_input(1) else SavedTensors(inputs=(0,))
    )


def saves_halves(call: Call, gradients: Gradients) -> SavedTensors:
    """A gated activation saves its input, with the bias added."""
    return SavedTensors(own=nbytes(call.input(0))) if gradients.needed else NOTHING


def saves_dropout(ratio: int, training: int, bits: int) -> SavedFacet:
    """Return what dropout saves: a mask of `bits` an element, where it is on when training."""

    def saved(call: Call, gradients: Gradients) -> SavedTensors:
        if not gradients.needed or not call.has_input(training):
            return NOTHING
        known = call.constant(ratio)
        if known is not None and not (known > 0).any():
            return NOTHING
        return SavedTensors(own=(call.elements(0) * bits + 7) // 8)

    return saved


def sees_added(*slots: int) -> LinksFacet:
    """Return the links of tensors that are added element by element."""

    def reads(call: Call, output: int) -> InputLinks:
        rank = call.output_rank(output)
        return {slot: sees_broadcast(call, slot, rank) for slot in call.present(slots)}

    return reads


def sees_biased_softmax(call: Call, _: int) -> InputLinks:
    """All axes from `axis` on are normalized together; the bias is added before."""
    rank = call.rank(0)
    axis = call.integer("axis", 1) % rank
    bias = tuple(Whole(each) for each in range(call.rank(1)))
    return {0: same_axes_but(rank, range(axis, rank)), 1: bias}


def sees_quantized_softmax(call: Call, output: int) -> InputLinks:
    """As the softmax of the version of the standard that the attribute names."""
    graph = replace(call.graph, opset=call.integer("opset", call.graph.opset))
    return sees_softmax(Call(call.node, graph), output)


def sees_halves(call: Call, _: int) -> InputLinks:
    """Each output reads its position in both halves of the last axis."""
    rank = call.rank(0)
    links: list[Link] = list(same_axes(rank))
    size = (call.input(0).shape or ())[-1]
    if isinstance(size, int):
        half = size // 2
        links[-1] = Through(rank - 1, rank - 1, Reach(1, (Taps.of((0, half)),)))
    else:
        links[-1] = Opaque(rank - 1, "an axis of unknown length is cut into halves")
    return {0: tuple(links)}


def sees_gated(call: Call, output: int) -> InputLinks:
    """A gate and the gated values, in two inputs or as halves of one."""
    if call.has_input(1):
        return sees_added(0, 1)(call, output)
    if call.integer("interleaved", 0):
        raise Undetermined("the halves of a gate are interleaved")
    return sees_halves(call, output)


def inverse_cost(call: Call) -> Cost:
    """Count 2/3 N^3 operations to factor a matrix and 4/3 N^3 to invert it (elementwise work)."""
    shape = call.shape(0)
    if len(shape) < 2:
        raise Undetermined("the inverse of something that is not a matrix")
    return Cost(elementwise=2 * call.elements(0) * shape[-1])


def gated_add_cost(call: Call) -> Cost:
    """Count the product that makes the gate, where there is one, and two operations an element."""
    flops = 2 * call.output_elements()
    if not call.has_input(3):
        return Cost(elementwise=flops)
    return Cost((Product(call.elements(2), (frozenset({2}), frozenset({3}))),), flops)


def sees_gated_add(call: Call, output: int) -> InputLinks:
    """Two tensors and a gate for each row."""
    rank = call.output_rank(output)
    by_slot: dict[int, Links] = {slot: sees_broadcast(call, slot, rank) for slot in (0, 1)}
    gate = call.rank(2)
    by_slot[2] = same_axes_but(gate, {gate - 1}, features=True)
    return by_slot


def sees_one(call: Call, _: int) -> InputLinks:
    """One output reads everything."""
    return {slot: tuple(Whole(axis) for axis in range(call.rank(slot))) for slot in call.present()}


def sees_gate_or_rate(call: Call, output: int) -> InputLinks:
    """The decay depends on the first input, the rate on the fourth."""
    slot = 0 if output == 0 else 3
    return {slot: same_axes(call.rank(slot))}


def sees_scores(call: Call, _: int) -> InputLinks:
    """Scores pass through; which of them are masked depends on all previous tokens."""
    return {1: same_axes(call.rank(1)), 0: (Through(0, 0), Whole(1))}


def operators() -> tuple[Operator, ...]:
    """Return the entries of this family."""
    return (
        *(_function(name, *facets) for name, facets in _FUNCTIONS.items()),
        trainable("BiasAdd", per_output(2), saves_nothing, sees_added(0, 1, 2), (1,)),
        trainable("BiasSoftmax", per_output(7), saves_output, sees_biased_softmax),
        trainable("BiasSplitGelu", per_output(10), saves_halves, sees_halves, (1,)),
        trainable("SwiGLU", per_output(8), saves_inputs, sees_gated),
        trainable("BiasDropout", per_output(2), saves_dropout(3, 4, 8), sees_added(0, 1, 2), (1,)),
        trainable(
            "BitmaskBiasDropout", per_output(2), saves_dropout(3, 4, 1), sees_added(0, 1, 2), (1,)
        ),
        trainable("BitmaskDropout", no_cost, saves_dropout(1, 2, 1), sees_first_input),
        trainable("ComplexMul", per_output(3), saves_inputs, sees_elementwise),
        trainable("ComplexMulConj", per_output(3), saves_inputs, sees_elementwise),
        trainable("Inverse", inverse_cost, saves_output, sees_whole_matrix),
        trainable("GatedAdd", gated_add_cost, saves_inputs, sees_gated_add, (3,)),
        inference_only("QLinearSoftmax", per_output(6), sees_quantized_softmax),
        inference_only("MulInteger", per_output(1), sees_added(0, 2), (0, 2)),
        inference_only("IsAllFinite", per_input(1), sees_one),
        inference_only("MurmurHash3", per_output(8), sees_first_input),
        inference_only("NGramRepeatBlock", per_output(1), sees_scores),
        inference_only("QOrderedGelu", per_output(8), sees_first_input),
        inference_only("LinearAttentionGate", per_output(6), sees_gate_or_rate, (1, 2)),
        *(
            Operator(
                name,
                per_output(2),
                saves_nothing,
                sees_first_input,
                passes,
                domain=MICROSOFT,
                origin=WeightOrigin.SAME if name.startswith("De") else WeightOrigin.COMPUTED,
            )
            for name in (
                "QuantizeLinear",
                "DequantizeLinear",
                "QuantizeWithOrder",
                "DequantizeWithOrder",
                "SampleOp",
            )
        ),
    )


# What the derivative is a function of, a rough count of FLOP an element, and whether the second
# input is a bias.
_FUNCTIONS: Mapping[str, tuple[SavedFacet, int, bool]] = MappingProxyType(
    {
        "Gelu": (saves_input, 8, False),
        "QuickGelu": (saves_input, 5, False),
        "ScaledSiLU": (saves_input, 5, False),
        "FastGelu": (saves_biased, 8, True),
        "BiasGelu": (saves_biased, 9, True),
    }
)


def _function(name: str, saved: SavedFacet, flops: int, biased: bool) -> Operator:
    return Operator(
        name,
        per_output(flops),
        saved,
        sees_first_input,
        function_of(name),
        weights=(1,) if biased else (),
        domain=MICROSOFT,
        storage=LIKE_INPUTS,
    )
