"""How much a forward and a backward pass compute."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property

from archlint.analysis.amount import Amount, Unknown, total
from archlint.analysis.gradients import GradientFlow
from archlint.graph.graph import Graph
from archlint.graph.node import Node
from archlint.ops.call import Call
from archlint.ops.cost import Cost
from archlint.ops.registry import Operators
from archlint.ops.undetermined import Undetermined
from archlint.record import record

_FLOPS_A_MAC = 2


@record
class NodeCompute:
    """The work of one node, or the reason why it is not known."""

    cost: Cost | None
    backward_macs: int
    unknown: Unknown | None = None


@record(slots=False)
class Compute:
    """The work of a graph. 1 MAC = 2 FLOP; products and elementwise work are separate totals.

    The backward pass repeats the work of a product for each operand that needs a gradient, so that
    an MLP of L layers of width K costs (3L - 1) n K^2 multiplications to train, and 3 L n K^2 with
    a gradient of the input (problem set 8, problem 1). `again` are the nodes of checkpointed parts
    that the backward pass runs once more, and `passes` is how many passes make a step.
    """

    graph: Graph
    operators: Operators
    gradients: GradientFlow
    again: frozenset[str] = frozenset()
    passes: int = 1

    @cached_property
    def of_node(self) -> dict[str, NodeCompute]:
        """The work of each node by name."""
        return {node.name: self._measure(node) for node in self.graph.nodes}

    @cached_property
    def forward_macs(self) -> Amount:
        """Multiply-accumulates of all products of a forward pass."""
        return self._total(lambda measured: measured.cost.macs if measured.cost else 0)

    @property
    def forward_flops(self) -> Amount:
        """FLOP of all products of a forward pass."""
        return _scaled(self.forward_macs, _FLOPS_A_MAC)

    @cached_property
    def backward_flops(self) -> Amount:
        """FLOP of all products of a backward pass."""
        return _scaled(self._total(lambda measured: measured.backward_macs), _FLOPS_A_MAC)

    @cached_property
    def recomputed_flops(self) -> Amount:
        """FLOP of the products of checkpointed parts that are computed again."""
        macs = sum(
            measured.cost.macs
            for name, measured in self.of_node.items()
            if name in self.again and measured.cost is not None
        )
        return Amount.exact(_FLOPS_A_MAC * macs)

    @property
    def training_flops(self) -> Amount:
        """FLOP of all products of a forward and a backward pass."""
        return self.forward_flops + self.backward_flops + self.recomputed_flops

    @property
    def step_flops(self) -> Amount:
        """FLOP of all products of a step: of every pass whose gradients it sums."""
        return _scaled(self.training_flops, self.passes)

    @cached_property
    def elementwise_flops(self) -> Amount:
        """FLOP of everything that is no product, in a forward pass."""
        return self._total(lambda measured: measured.cost.elementwise if measured.cost else 0)

    def _measure(self, node: Node) -> NodeCompute:
        operator = self.operators.of(node)
        if operator is None:
            return NodeCompute(None, 0, Unknown(node.name, node.op, "the operator is not known"))
        try:
            cost = operator.cost(Call(node, self.graph))
        except Undetermined as reason:
            return NodeCompute(None, 0, Unknown(node.name, node.op, str(reason)))
        flags = self.gradients.of(node)
        backward = sum(
            product.macs
            for product in cost.products
            for operand in product.operands
            if any(flags[slot] for slot in operand)
        )
        return NodeCompute(cost, backward)

    def _total(self, part: Callable[[NodeCompute], int]) -> Amount:
        return total(
            Amount(0, 0, (measured.unknown,)) if measured.unknown else Amount.exact(part(measured))
            for measured in self.of_node.values()
        )


def _scaled(amount: Amount, factor: int) -> Amount:
    return Amount(amount.low * factor, amount.high * factor, amount.unknown)
