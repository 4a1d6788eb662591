"""The sizes of a fused attention, and its work and memory."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from msgspec import Struct

from archlint.graph.dtype import DType
from archlint.ops.call import Call
from archlint.ops.cost import Cost, Product
from archlint.ops.operator import CostFacet, SavedFacet
from archlint.ops.saved import NOTHING, Gradients, SavedTensors
from archlint.ops.undetermined import Undetermined

STATISTIC_BYTES = DType.FLOAT32.bits // 8


class Attended(Struct, frozen=True):
    """The sizes of an attention: pairs of positions over all heads, and the widths of a head.

    `rows` are the positions of the queries, over all heads. `projected` are the products that make
    queries, keys and values, where the operator makes them itself: the slot of the weight, and the
    multiply-accumulates.
    """

    pairs: int
    width: int
    value_width: int
    rows: int
    projected: tuple[tuple[int, int], ...] = ()

    def cost(self, operands: tuple[int, int, int]) -> Cost:
        """Count the projections, the scores and the weighted values.

        `operands` are the slots of queries, keys and values that are not projected.
        """
        data = frozenset({0})
        made = data.union(slot for slot, _ in self.projected) if self.projected else None
        queries, keys, values = (made or frozenset({slot}) for slot in operands)
        return Cost(
            (
                *(Product(macs, (data, frozenset({slot}))) for slot, macs in self.projected),
                Product(self.pairs * self.width, (queries, keys)),
                Product(self.pairs * self.value_width, (queries | keys, values)),
            ),
            6 * self.pairs,
        )


Sizes: TypeAlias = Callable[[Call], Attended]


def attention_cost(sizes: Sizes) -> CostFacet:
    """Return the cost of attention with these sizes; keys and values may be in the first slot."""

    def cost(call: Call) -> Cost:
        key = 1 if call.has_input(1) else 0
        return sizes(call).cost((0, key, 2 if call.has_input(2) else key))

    return cost


def saves_attended(sizes: Sizes) -> SavedFacet:
    """Return what a fused kernel saves: queries, keys, values, the output and a number per row."""

    def saved(call: Call, gradients: Gradients) -> SavedTensors:
        if not gradients.needed:
            return NOTHING
        own = STATISTIC_BYTES * sizes(call).rows
        return SavedTensors(inputs=call.present(range(3)), outputs=(0,), own=own)

    return saved


def shape_of(call: Call, slot: int, *ranks: int) -> tuple[int, ...]:
    """Return the sizes of an input; `Undetermined` where it has another number of axes."""
    shape = call.shape(slot)
    if len(shape) not in ranks:
        raise Undetermined(f"{call.input(slot).name!r} has {len(shape)} axes")
    return shape


def heads(call: Call, name: str = "num_heads") -> int:
    """Return the number of heads in an attribute; `Undetermined` where there is none."""
    count = call.integer(name, 0)
    if count < 1:
        raise Undetermined("the number of heads is not known")
    return count


def filled(call: Call, slot: int) -> int:
    """Return the filled length of a cache; `Undetermined` where it depends on the data."""
    known = call.constant(slot)
    if known is None or known.size != 1:
        raise Undetermined("how much of a shared cache is filled is not known")
    return int(known.reshape(-1)[0])
