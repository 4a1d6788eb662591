"""Matrix products: Gemm, MatMul, Einsum and their quantized forms."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from archlint.frontends.properties import STEPS_FIRST
from archlint.graph.program.call_record import is_exported
from archlint.graph.value import Role
from archlint.ops.autocast import IN_HALF
from archlint.ops.call import Call, nbytes, width
from archlint.ops.cost import Cost, product
from archlint.ops.effect import Effect, Sums
from archlint.ops.facets import sees_broadcast
from archlint.ops.fan import Fan, gemm_fan
from archlint.ops.links import Fixed, InputLinks, Link, Links, Through, Whole, same_axes
from archlint.ops.masking import Masks
from archlint.ops.operator import CostFacet, LinksFacet, Operator
from archlint.ops.saved import Gradients, SavedTensors
from archlint.ops.signals import sums_product
from archlint.ops.standard.einsum import einsum_cost, equation, lies_as_product, saves_einsum
from archlint.ops.storage import Storage
from archlint.ops.strides import Strides, contiguous, reshape, steps_first
from archlint.ops.undetermined import Undetermined


def matmul_cost(left: int, right: int) -> CostFacet:
    """Return the cost of a product of two slots: output elements times the contracted length."""

    def cost(call: Call) -> Cost:
        return product(call.output_elements() * call.shape(left)[-1], left, right)

    return cost


def gemm_cost(call: Call) -> Cost:
    """Count M N K multiply-accumulates; the bias is an addition."""
    rows, inner = call.shape(0)
    if call.integer("transA", 0):
        inner = rows
    return product(call.output_elements() * inner, 0, 1)


def saves_factors(call: Call, gradients: Gradients) -> SavedTensors:
    """Save each factor where the other one needs a gradient: dA = dY B^T, dB = A^T dY.

    A product of a tensor with itself may have been a square (TorchScript writes x ** 2 so), whose
    derivative needs one more tensor.
    """
    inputs = ((0,) if gradients[1] else ()) + ((1,) if gradients[0] else ())
    first, second = call.node.inputs[:2]
    is_told = is_exported(call.node) or call.node.document_path is not None
    may_be_power = first == second and not is_told
    return SavedTensors(inputs, transient=nbytes(call.output()) if inputs and may_be_power else 0)


def saves_matmul(call: Call, gradients: Gradients) -> SavedTensors:
    """Save each factor where the other one needs a gradient, or a copy of it.

    PyTorch multiplies matrices, or batches of them along one axis. A factor that is not a view of
    such a shape is copied, and the copy is saved. Sequences (N, S, C) may be multiplied as
    (S, N, C): see `STEPS_FIRST`. The gradient of a factor that was broadcast over the batch has the
    full batch size before it is summed.
    """
    ranks = call.rank(0), call.rank(1)
    shared: list[int] = []
    own = summed = dropped = 0
    for slot, other in ((0, 1), (1, 0)):
        shape, strides = call.shape(slot), gradients.strides_of(slot)
        if slot == 0 and _is_steps_first(call):
            shape, strides = _swapped(shape), None if strides is None else _swapped(strides)
        merged = _merged(shape, slot, ranks, call.output_shape())
        whole = prod(merged or shape) * width(call.input(slot)) // 8
        if gradients[slot]:
            summed += whole - nbytes(call.input(slot))
        is_copied = (
            strides is not None and merged is not None and _is_copied(shape, strides, merged)
        )
        if not gradients[other]:
            dropped += is_copied * whole
        elif is_copied:
            own += whole
        else:
            shared.append(slot)
    return SavedTensors(tuple(shared), own=own, transient=summed, forward_transient=dropped)


def _is_steps_first(call: Call) -> bool:
    return call.node.metadata.get(STEPS_FIRST) == "true" and call.rank(0) == 3


def _swapped(axes: tuple[int, ...]) -> tuple[int, ...]:
    """Return the sizes or strides of (N, S, C) in the order (S, N, C)."""
    return axes[1], axes[0], axes[2]


def lies_as_computed(call: Call, _: Sequence[Strides | None]) -> Strides:
    """Return the strides of a product: those of (S, N, C) where it is computed so."""
    shape = call.output_shape()
    return steps_first(shape) if _is_steps_first(call) else contiguous(shape)


def _merged(
    shape: tuple[int, ...], slot: int, ranks: tuple[int, int], output: tuple[int, ...]
) -> tuple[int, ...] | None:
    """Return the shape to which a factor is merged for the product, None if unchanged."""
    if len(shape) < 3:
        return None
    if slot == 0 and ranks[1] <= 2:
        return (prod(shape[:-1]), shape[-1])
    return (prod(output[:-2]), *shape[-2:]) if min(ranks) > 2 else None


def merges_product(call: Call) -> tuple[int, ...]:
    """Return the shape of a product as a matrix, or as one batch of matrices."""
    shape = call.output_shape()
    inner = 1 if call.rank(1) <= 2 else 2
    return (prod(shape[:-inner]), *shape[-inner:]) if len(shape) > inner else shape


def _is_copied(shape: tuple[int, ...], strides: Strides, merged: tuple[int, ...]) -> bool:
    """Whether a factor, broadcast to the batch of the product, has to be copied."""
    if prod(shape) != prod(merged):
        return any(dim != 1 for dim in shape[:-2])
    return reshape(shape, strides, merged) is None


def sees_gemm(call: Call, _: int) -> InputLinks:
    """Rows come from the first operand, columns from the second."""
    transposed = (call.integer("transA", 0), call.integer("transB", 0))
    first: tuple[Link, ...] = (Through(0, 0), Whole(1, features=True))
    second: tuple[Link, ...] = (Whole(0, features=True), Through(1, 1))
    if transposed[0]:
        first = (Whole(0, features=True), Through(1, 0))
    if transposed[1]:
        second = (Through(0, 1), Whole(1, features=True))
    by_slot: dict[int, Links] = {0: first, 1: second}
    if call.has_input(2):
        by_slot[2] = sees_broadcast(call, 2, 2)
    return by_slot


def sees_matmul(left: int, right: int) -> LinksFacet:
    """Return the links of a batched product: rows and columns pass, the inner axis is summed."""

    def reads(call: Call, _: int) -> InputLinks:
        rank = call.output_rank()
        ranks = (call.rank(left), call.rank(right))
        if min(ranks) < 2:
            return _sees_vector_product(call, left, right)
        rows: tuple[Link, ...] = (
            *_batch(call, left, rank),
            Through(ranks[0] - 2, rank - 2),
            Whole(ranks[0] - 1, features=True),
        )
        causal = rank - 2 if _weighs_causally(call, left, right) else None
        columns: tuple[Link, ...] = (
            *_batch(call, right, rank),
            Whole(ranks[1] - 2, features=True, causal=causal),
            Through(ranks[1] - 1, rank - 1),
        )
        return {left: rows, right: columns}

    return reads


def _weighs_causally(call: Call, left: int, right: int) -> bool:
    """Whether a product averages past positions of a computed tensor."""
    if call.input(right).role is Role.STORED:
        return False
    return Masks(call.graph).weighs_causally(call.node.inputs[left])


def _sees_vector_product(call: Call, left: int, right: int) -> InputLinks:
    """A vector operand has no row or column axis of its own."""
    ranks = (call.rank(left), call.rank(right))
    first: tuple[Link, ...] = (
        *same_axes(ranks[0] - 1),
        Whole(ranks[0] - 1, features=True),
    )
    if ranks[1] == 1:
        return {left: first, right: (Whole(0, features=True),)}
    lead = ranks[1] - 2
    second: tuple[Link, ...] = (
        *same_axes(lead),
        Whole(lead, features=True),
        Through(lead + 1, lead),
    )
    return {left: first, right: second}


def _batch(call: Call, slot: int, rank: int) -> tuple[Link, ...]:
    """Return the links of the leading axes, which broadcast."""
    shape = call.input(slot).shape or ()
    lead = rank - len(shape)
    return tuple(
        Fixed(axis) if shape[axis] == 1 else Through(axis, lead + axis)
        for axis in range(len(shape) - 2)
    )


def sees_einsum(call: Call, _: int) -> InputLinks:
    """An index of the output passes through; any other is summed."""
    operands, output = equation(call)
    return {
        slot: tuple(
            Through(axis, output.index(letter)) if letter in output else Whole(axis, features=True)
            for axis, letter in enumerate(letters)
        )
        for slot, letters in enumerate(operands)
    }


def sums_gemm(call: Call) -> Effect:
    """Scale the product by alpha; the bias is in slot 2."""
    bias = 2 if call.has_input(2) else None
    axes = (-1 if call.integer("transA", 0) else -2, -2 if call.integer("transB", 0) else -1)
    return Sums(gemm_fan(call), bias=bias, scale=call.number("alpha", 1.0), axes=axes)


def sums_einsum(call: Call) -> Effect:
    """Sum over the indices that both operands have and the output does not."""
    operands, output = equation(call)
    if len(operands) != 2:
        raise Undetermined("an Einsum of one operand or of more than two")
    extents: dict[str, int] = {}
    for slot, letters in enumerate(operands):
        dims = zip(letters, call.input(slot).shape or (), strict=False)
        extents.update((letter, dim) for letter, dim in dims if isinstance(dim, int))
    summed = [letter for letter in operands[0] if letter not in output and letter in operands[1]]
    made = [letter for letter in operands[1] if letter in output and letter not in operands[0]]
    if any(letter not in extents for letter in (*summed, *made)):
        raise Undetermined("an index of an Einsum has an unknown extent")
    return Sums(Fan(prod(extents[each] for each in summed), prod(extents[each] for each in made)))


def operators() -> tuple[Operator, ...]:
    """Return the entries of this family."""
    return (
        Operator(
            "Gemm",
            gemm_cost,
            saves_factors,
            sees_gemm,
            sums_gemm,
            weights=(0, 1, 2),
            casting=IN_HALF,
        ),
        Operator(
            "MatMul",
            matmul_cost(0, 1),
            saves_matmul,
            sees_matmul(0, 1),
            sums_product(0, 1),
            weights=(0, 1),
            storage=Storage(layout=lies_as_computed, gradient_shape=merges_product),
            casting=IN_HALF,
        ),
        Operator(
            "Einsum",
            einsum_cost,
            saves_einsum,
            sees_einsum,
            sums_einsum,
            weights=tuple(range(8)),
            storage=Storage(layout=lies_as_product),
            casting=IN_HALF,
            last_first=True,
        ),
        Operator(
            "MatMulInteger",
            matmul_cost(0, 1),
            saves_factors,
            sees_matmul(0, 1),
            sums_product(0, 1),
            weights=(0, 1),
            differentiable=False,
        ),
        Operator(
            "QLinearMatMul",
            matmul_cost(0, 3),
            saves_factors,
            sees_matmul(0, 3),
            None,
            weights=(0, 3),
            differentiable=False,
        ),
    )
