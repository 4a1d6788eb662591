"""Matrix products fused with a transposition, an activation or quantization."""

from __future__ import annotations

from msgspec.structs import replace

from archlint.graph.inference.contributed.products import factor_order
from archlint.graph.inference.contributed.stand_in import MICROSOFT
from archlint.ops.call import Call, nbytes
from archlint.ops.contributed.entry import inference_only, trainable
from archlint.ops.contributed.overlay import seen
from archlint.ops.cost import Cost, Product, product
from archlint.ops.effect import Effect, Sums
from archlint.ops.facets import no_cost, sees_row
from archlint.ops.fan import matmul_fan
from archlint.ops.links import Fixed, InputLinks, Link, Links, Through, Whole, same_axes
from archlint.ops.operator import CostFacet, Operator
from archlint.ops.saved import Gradients, SavedTensors
from archlint.ops.signals import sums_product
from archlint.ops.standard.matrix import matmul_cost, saves_factors, sees_matmul
from archlint.ops.undetermined import Undetermined

_PLAIN_COST, _PLAIN_SIGHT = matmul_cost(0, 1), sees_matmul(0, 1)


def _order(call: Call, slot: int) -> tuple[int, ...]:
    """Return the axes of a factor in the order (batch, rows, columns)."""
    letter = "AB"[slot]
    return factor_order(
        call.rank(slot),
        transposed=bool(call.integer(f"trans{letter}", 0)),
        batch_transposed=bool(call.integer(f"transBatch{letter}", 0)),
    )


def _plain(call: Call) -> Call:
    """Return the call as a product of factors in the order in which they are multiplied."""
    names, others = [], {}
    for slot in (0, 1):
        value = call.input(slot)
        shape = value.shape or ()
        name = f"factor {slot} {value.name}"  # a tensor may be multiplied with its own transpose
        others[name] = replace(value, shape=tuple(shape[axis] for axis in _order(call, slot)))
        names.append(name)
    node = replace(call.node, inputs=(*names, *call.node.inputs[2:]))
    return seen(Call(node, call.graph), others)


def transposing_cost(call: Call) -> Cost:
    """Count output elements times the contracted length, and one operation for an activation."""
    cost = _PLAIN_COST(_plain(call))
    activated = call.output_elements() if call.text("activation", "") else 0
    return Cost(cost.products, activated)


def sees_transposing(call: Call, output: int) -> InputLinks:
    """Rows and columns pass, wherever they stand in the factors."""
    by_slot: dict[int, Links] = {}
    for slot, links in _PLAIN_SIGHT(_plain(call), output).items():
        order = _order(call, slot)
        by_slot[slot] = tuple(_from(link, order) for link in links)
    return by_slot


def _from(link: object, order: tuple[int, ...]) -> Link:
    """Return a link of a factor's axis in the order that the factor is stored in."""
    if isinstance(link, Fixed | Through | Whole):
        return replace(link, source=order[link.source])
    raise Undetermined("a product of factors that are stored in another order")


def sums_transposing(call: Call) -> Effect:
    """Scale the product by alpha."""
    if call.text("activation", ""):
        raise Undetermined("a product that is fused with its activation")
    fan = matmul_fan(_plain(call), 0, 1)
    return Sums(fan, scale=call.number("alpha", 1.0))


def saves_activated(call: Call, gradients: Gradients) -> SavedTensors:
    """Save the factors, and the output where an activation is fused to it."""
    saved = saves_factors(call, gradients)
    activated = bool(call.text("activation", "")) and gradients.needed
    return replace(saved, outputs=(0,)) if activated else saved


def saves_sum(call: Call, gradients: Gradients) -> SavedTensors:
    """Save the factors and the sum before the activation, whose derivative is a function of it."""
    saved = saves_factors(call, gradients)
    return replace(saved, own=nbytes(call.output())) if gradients.needed else saved


def activated_cost(call: Call) -> Cost:
    """Count the product, and the addition and the activation of each output element."""
    return Cost(_PLAIN_COST(call).products, 9 * call.output_elements())


def packed_cost(weight: int) -> CostFacet:
    """Return the cost of a product whose matrix is packed: outputs times the input's last axis."""

    def cost(call: Call) -> Cost:
        shape = call.shape(0)
        if not shape:
            raise Undetermined("a product with a scalar")
        return product(call.output_elements() * shape[-1], 0, weight)

    return cost


def saves_weight(_: Call, gradients: Gradients) -> SavedTensors:
    """A product with a packed matrix saves its input only where the matrix is trained."""
    return SavedTensors(inputs=((0,) if gradients[1] else ()) + ((1,) if gradients[0] else ()))


def several_cost(weights: tuple[int, ...]) -> CostFacet:
    """Return the cost of products of one input with several packed matrices."""

    def cost(call: Call) -> Cost:
        shape = call.shape(0)
        if not shape:
            raise Undetermined("a product with a scalar")
        rows, data = call.elements(0), frozenset({0})
        pairs = zip(weights, _columns(call), strict=True)
        products = (Product(rows * count, (data, frozenset({slot}))) for slot, count in pairs)
        return Cost(tuple(products))

    return cost


def _columns(call: Call) -> tuple[int, ...]:
    """Return how many columns each of the matrices has."""
    if call.node.op == "MatMulNBitsQkv":
        return (call.integer("Nq", 0), call.integer("Nkv", 0), call.integer("Nkv", 0))
    return (call.integer("N", 0),) * 2


def adapted_cost(call: Call) -> Cost:
    """Count x W, and (x A) B of a low-rank adapter (LoRA: Hu et al. 2021)."""
    rows, width = call.elements(0), call.integer("N", 0)
    held, rank = call.shape(3), call.shape(4)[0]
    data, adapter = frozenset({0}), frozenset({0, 3})
    products = [Product(rows * width, (data, frozenset({1})))]
    if 0 not in held:
        products.append(Product(rows * rank, (data, frozenset({3}))))
        up = call.output_elements() * rank
        products.append(Product(up, (adapter, frozenset({5}))))
    return Cost(tuple(products))


def routed_cost(call: Call) -> Cost:
    """Count one product with all columns of the weight, which is cut afterwards."""
    return product(call.elements(0) * call.shape(1)[-1], 0, 1)


def distance_cost(call: Call) -> Cost:
    """Count M K N: squared distances are products of rows, and sums of squares."""
    rows, width = call.shape(0)
    others = call.shape(1)[0]
    return product(rows * others * width, 0, 1)


def sees_pairs(_: Call, __: int) -> InputLinks:
    """Each pair of rows has its own output."""
    return {
        0: (Through(0, 0), Whole(1, features=True)),
        1: (Through(0, 1), Whole(1, features=True)),
    }


def sees_table_rows(call: Call, _: int) -> InputLinks:
    """Each index selects a row of the table."""
    return {1: same_axes(call.rank(1))}


def sees_words(_: Call, __: int) -> InputLinks:
    """Each word reads its own characters."""
    return {0: (Through(0, 0), Whole(1))}


def words_cost(call: Call) -> Cost:
    """Undetermined: the work depends on the length of each word."""
    raise Undetermined(f"the bit width of {call.node.name!r} depends on the data")


def operators() -> tuple[Operator, ...]:
    """Return the entries of this family."""
    return (
        *(
            Operator(
                name,
                transposing_cost,
                saves_activated,
                sees_transposing,
                sums_transposing,
                weights=(0, 1),
                domain=MICROSOFT,
            )
            for name in ("FusedMatMul", "FusedMatMulActivation", "TransposeMatMul")
        ),
        inference_only("SparseToDenseMatMul", transposing_cost, sees_transposing),
        trainable("GemmFastGelu", activated_cost, saves_sum, sees_matmul(0, 1), (1, 2)),
        *(
            inference_only(
                name,
                matmul_cost(0, 1),
                sees_matmul(0, 1),
                (0, 1, bias),
                signal=sums_product(0, 1),
            )
            for name, bias in (("MatMulIntegerToFloat", 6), ("DynamicQuantizeMatMul", 4))
        ),
        inference_only("MatMulInteger16", matmul_cost(0, 1), sees_matmul(0, 1), (0, 1)),
        *(
            trainable(name, packed_cost(1), saves_weight, sees_row, (1, bias) if bias else (1,))
            for name, bias in _PACKED.items()
        ),
        inference_only("QOrderedMatMul", packed_cost(2), sees_row, (2,)),
        inference_only("MatMulNBitsQkv", several_cost((3, 6, 9)), sees_row, (2, 3, 5, 6, 8, 9, 11)),
        inference_only("MatMulNBitsMlp", several_cost((3, 6)), sees_row, (2, 3, 5, 6, 8)),
        inference_only("MatMulNBitsQLoRA", adapted_cost, sees_row, (1, 3, 5)),
        inference_only("RouterGateUpProj", routed_cost, sees_row, (1,)),
        inference_only("CDist", distance_cost, sees_pairs),
        *(
            inference_only(name, no_cost, sees_table_rows, (0,))
            for name in ("GatherBlockQuantized", "GatherPacked")
        ),
        inference_only("WordConvEmbedding", words_cost, sees_words, (1, 2, 3)),
    )


# Products with a packed matrix, and the slot of their bias, 0 where they have none.
_PACKED = {
    "MatMulNBits": 5,
    "MatMulBnb4": 0,
    "MatMulFpQ4": 0,
    "MatMulPacked": 0,
    "MatMulBlockQuantizedFp4Weight": 5,
    "MatMulBlockQuantizedFp8Weight": 4,
}
