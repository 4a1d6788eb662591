"""Contributed layers that carry a state along a sequence, and mixtures of experts."""

from __future__ import annotations

from math import prod

from archlint.graph.inference.contributed.stand_in import MICROSOFT
from archlint.ops.call import Call
from archlint.ops.contributed.entry import inference_only
from archlint.ops.cost import Cost, Product
from archlint.ops.facets import depends_on_data, per_output, sees_row
from archlint.ops.links import InputLinks, Link, Links, Through, Whole, same_axes_but
from archlint.ops.operator import Operator
from archlint.ops.saved import NOTHING, Gradients, SavedTensors
from archlint.ops.standard.linear_attention import recurrence_cost, stateful
from archlint.ops.standard.recurrent import sees_sequence
from archlint.ops.undetermined import Undetermined

_STATE = frozenset({0, 1, 2, 3})


def recurrent_cost(call: Call) -> Cost:
    """Count as an LSTM; the weights are (D, I, 4 H) and (D, H, 4 H), so that products are alike."""
    shape = call.shape(0)
    if len(shape) != 3:
        raise Undetermined(f"{call.input(0).name!r} has {len(shape)} axes")
    positions = shape[0] * shape[1]
    gates = call.shape(2)
    return Cost(
        (
            Product(positions * prod(call.shape(1)), (frozenset({0}), frozenset({1}))),
            Product(positions * prod(gates), (_STATE, frozenset({2}))),
        ),
        elementwise=4 * positions * gates[0] * gates[-1],
    )


def delta_cost(call: Call) -> Cost:
    """Count the recurrence of a gated delta network, a step a token."""
    if not call.has_input(2):
        raise Undetermined("queries, keys and values in one tensor")
    query, value = call.shape(0), call.shape(2)
    if len(query) != len(value) or len(query) < 3:
        raise Undetermined("queries and values with different axes")
    return recurrence_cost(
        call.text("update_rule", "gated_delta"),
        tokens=prod(value[:-2]),
        readers=max(query[-2], value[-2]),
        states=value[-2],
        area=query[-1] * value[-1],
    )


def sees_tokens(call: Call, output: int) -> InputLinks:
    """Tokens read those before them in their own sequence."""
    if output or call.has_input(3) or call.rank(0) != 4:
        raise Undetermined("where a sequence begins depends on the data")
    feature = (Whole(2), Whole(3, features=True))
    running: tuple[Link, ...] = (Through(0, 0), Whole(1, causal=1), *feature)
    return {0: (Through(0, 0), Through(1, 1), *feature), 1: running, 2: running}


def experts_cost(call: Call) -> Cost:
    """Count the experts of each token: k of them, with two or three products each.

    Which experts are chosen depends on the data, but not how many.
    """
    layout = _LAYOUTS[call.node.op]
    chosen, width = call.integer("k", 1), call.shape(0)[-1]
    tokens = call.elements(0) // width if width else 0
    products = []
    for weight in layout:
        if not call.has_input(weight):
            continue
        rows, columns = _expert(call, weight, layout)
        macs = tokens * chosen * rows * columns
        products.append(Product(macs, (frozenset({0}), frozenset({weight}))))
    return Cost(tuple(products), 8 * tokens * chosen * width)


def _expert(call: Call, slot: int, layout: tuple[int, ...]) -> tuple[int, int]:
    """Return outputs and inputs of one expert's product, whose weight may be packed."""
    shape = call.shape(slot)
    if len(shape) != 3:
        raise Undetermined(f"{call.input(slot).name!r} has {len(shape)} axes")
    width, first, second = call.shape(0)[-1], layout[0], layout[1]
    if slot != second:
        return shape[1], width
    rows = call.shape(first)[1]
    fused = call.text("activation_type", "relu") in {"swiglu", "geglu"}
    fused = fused and bool(call.integer("swiglu_fusion", 0))
    return shape[1], rows // 2 if fused else rows


# The slots of the first, the second and the third product's weight.
_LAYOUTS = {"MoE": (2, 4, 6), "QMoE": (2, 5, 8), "MoEPacked": (2, 4, 3)}


def saves_experts(_: Call, gradients: Gradients) -> SavedTensors:
    """Save the input, the routing, and the inner activations of the experts of each token."""
    if not gradients.needed:
        return NOTHING
    raise Undetermined("what a mixture of experts saves is not known")


def sees_position(call: Call, _: int) -> InputLinks:
    """Every position goes through experts of its own, which mix its features."""
    by_slot = sees_row(call, 0)
    # The scores of the router are a row for each token.
    return {**by_slot, 1: by_slot[0]} if call.rank(0) == 2 else by_slot


def router_cost(call: Call) -> Cost:
    """Count the router's own product, where it has one, and a few operations a score."""
    flops = 6 * call.output_elements(0 if call.has_output(0) else 1)
    if not call.has_input(2):
        return Cost(elementwise=flops)
    macs = call.elements(0) * call.shape(2)[0]
    return Cost((Product(macs, (frozenset({0}), frozenset({2}))),), flops)


def sees_lost(_: Call, __: int) -> InputLinks:
    """Several layers in one operator, whose sequences depend on the data."""
    raise Undetermined("several layers in one node are not followed")


def sees_hyper(call: Call, output: int) -> InputLinks:
    """Features and streams of a position are mixed."""
    lead = call.output_rank(output) - 1
    by_slot: dict[int, Links] = {}
    for slot in call.present(_STREAMS[call.node.op]):
        rank = call.rank(slot)
        by_slot[slot] = same_axes_but(rank, range(min(lead, rank - 1), rank), features=True)
    return by_slot


_STREAMS = {
    "HyperConnectionLowRankMix": (0, 5, 6),
    "HyperConnectionPostMix": (0, 1, 2, 3),
    "HyperConnectionPreMix": (0, 1),
    "EngramGate": (0, 1, 2),
}


def mixed_cost(call: Call) -> Cost:
    """Count the three products of a low-rank gate network."""
    rows = call.elements(0)
    data = frozenset({0})
    down, up, inject = (call.shape(slot) for slot in (2, 3, 4))
    tokens = rows // down[0] if down[0] else 0
    return Cost(
        (
            Product(rows * down[1], (data, frozenset({2}))),
            Product(tokens * prod(up), (frozenset({0, 2}), frozenset({3}))),
            Product(rows * inject[1], (data, frozenset({4}))),
        ),
        8 * rows,
    )


def streams_cost(call: Call) -> Cost:
    """Count the product with the matrix that mixes the streams, where there is one."""
    flops = 2 * call.output_elements()
    if not call.has_input(3):
        return Cost(elementwise=flops)
    streams = call.shape(3)[-1]
    return Cost((Product(call.elements(0) * streams, (frozenset({0}), frozenset({3}))),), flops)


def operators() -> tuple[Operator, ...]:
    """Return the entries of this family."""
    inside = "what runs inside depends on data"
    return (
        *stateful(MICROSOFT),
        inference_only("DynamicQuantizeLSTM", recurrent_cost, sees_sequence, (1, 2, 3, 7)),
        inference_only("GatedDeltaNet", delta_cost, sees_tokens),
        *(
            Operator(
                name,
                experts_cost,
                saves_experts,
                sees_position,
                weights=weights,
                differentiable=name == "MoE",
                domain=MICROSOFT,
            )
            for name, weights in (
                ("MoE", (2, 3, 4, 5, 6, 7)),
                ("QMoE", (2, 4, 5, 7, 8, 10)),
                ("MoEPacked", (2, 3, 4)),
            )
        ),
        inference_only("MoEGroupRouter", router_cost, sees_position, (1, 2)),
        inference_only("HyperConnectionLowRankMix", mixed_cost, sees_hyper, (1, 2, 3, 4)),
        inference_only("HyperConnectionPostMix", streams_cost, sees_hyper),
        inference_only("HyperConnectionPreMix", per_output(2), sees_hyper),
        inference_only("EngramGate", per_output(8), sees_hyper, (3, 4, 5)),
        *(
            inference_only(name, depends_on_data(inside), sees_lost)
            for name in ("AttnLSTM", "Mamba2Verify", "ConvTransposeWithDynamicPads")
        ),
    )
