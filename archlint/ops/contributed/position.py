"""Position information for attention: relative biases and rotary embeddings."""

from __future__ import annotations

from archlint.graph.inference.contributed.stand_in import MICROSOFT
from archlint.ops.call import Call
from archlint.ops.contributed.attended import shape_of
from archlint.ops.contributed.entry import inference_only
from archlint.ops.cost import Cost, Product
from archlint.ops.facets import per_output, saves_nothing, sees_first_input, sees_nothing
from archlint.ops.links import InputLinks, Through, Whole, same_axes
from archlint.ops.operator import Operator
from archlint.ops.signals import passes
from archlint.ops.undetermined import Undetermined


def gate_cost(call: Call) -> Cost:
    """Count the product of each head's queries with the gates' weight."""
    macs = call.elements(0) * shape_of(call, 3, 2)[1]
    return Cost((Product(macs, (frozenset({0}), frozenset({3}))),), 3 * call.output_elements())


def sees_gate(call: Call, _: int) -> InputLinks:
    """Rows of the bias belong to queries."""
    if call.rank(0) != 3:
        raise Undetermined("the lengths of packed sequences depend on the data")
    rows = (Through(0, 0), Through(1, 2), Whole(2, features=True))
    return {0: rows, 2: (Whole(0), Through(1, 1), Through(2, 2), Through(3, 3))}


def sees_rotated(call: Call, output: int) -> InputLinks:
    """Each output reads its own position of the rotated tensor; pairs of features are mixed."""
    if call.node.op != "GemmaRotaryEmbedding":
        return sees_first_input(call, output)
    first = 1 if output == 0 else 3
    links = same_axes(call.rank(first))
    return {first: links, first + 1: links}


def operators() -> tuple[Operator, ...]:
    """Return the entries of this family."""
    return (
        inference_only("GatedRelativePositionBias", gate_cost, sees_gate, (1, 3, 4, 5)),
        # Only lengths and a table are read.
        inference_only("RelativePositionBias", per_output(1), sees_nothing, (0,)),
        *(
            Operator(
                name,
                per_output(3),
                saves_nothing,
                sees_rotated,
                passes,
                buffers=(2, 3),
                domain=MICROSOFT,
            )
            for name in ("RotaryEmbedding", "MRotaryEmbedding", "GemmaRotaryEmbedding")
        ),
    )
