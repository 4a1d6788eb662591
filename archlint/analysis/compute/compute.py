"""FLOP of the forward and the backward pass."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cached_property

from msgspec import Struct
from msgspec.structs import replace

from archlint.analysis.amount import Amount, Unknown, total
from archlint.analysis.compute.inside import inside
from archlint.analysis.training.gradients import GradientFlow
from archlint.graph.graph import Graph
from archlint.graph.node import Node
from archlint.ops.answers import Answers
from archlint.ops.cost import Cost, Product
from archlint.ops.registry import Operators
from archlint.ops.restored.twins import MAY_REPEAT
from archlint.ops.saved import Gradients
from archlint.ops.undetermined import Undetermined, UndeterminedElements

FLOPS_A_MAC = 2


class NodeCompute(Struct, frozen=True):
    """The work of one node: MACs of its products, forward and backward, and elementwise FLOP.

    `cost` has more detail where the node is a single operator without a subgraph.
    """

    macs: Amount
    backward_macs: Amount
    elementwise: Amount
    cost: Cost | None = None

    @property
    def is_bounded(self) -> bool:
        """Whether the work lies between two ends, as that of branches does."""
        parts = (self.macs, self.backward_macs, self.elementwise)
        return any(part.low != part.high for part in parts)

    @property
    def depends_on(self) -> str:
        """What decides where a bounded work lies, as the subject of a sentence."""
        return "which branch runs" if self.cost is None else self.cost.depends_on


class Compute(Struct, frozen=True, dict=True):
    """The work of a graph. 1 MAC = 2 FLOP; products and elementwise work are separate totals.

    The backward pass repeats the work of a product for each operand that needs a gradient, so that
    an MLP of L layers of width K costs (3L - 1) n K^2 multiplications to train, and 3 L n K^2 with
    a gradient of the input: at most three times the forward pass (Kaplan et al. 2020). `again` are
    the nodes of checkpointed parts that the backward pass runs once more, and `passes` is how many
    passes make a step. `least` are the gradients if all is frozen that may be.
    """

    graph: Graph
    operators: Operators
    gradients: GradientFlow
    again: frozenset[str] = frozenset()
    passes: int = 1
    least: GradientFlow | None = None

    @cached_property
    def of_node(self) -> dict[str, NodeCompute]:
        """The work of each node by name."""
        return {node.name: self._measure(node) for node in self.graph.nodes}

    @cached_property
    def forward_macs(self) -> Amount:
        """Multiply-accumulates of all products of a forward pass."""
        return self._total(lambda measured: measured.macs)

    @property
    def forward_flops(self) -> Amount:
        """FLOP of all products of a forward pass."""
        return self.forward_macs.times(FLOPS_A_MAC)

    @cached_property
    def backward_macs(self) -> Amount:
        """Multiply-accumulates of all products of a backward pass."""
        return self._total(lambda measured: measured.backward_macs)

    @property
    def backward_flops(self) -> Amount:
        """FLOP of all products of a backward pass."""
        return self.backward_macs.times(FLOPS_A_MAC)

    @cached_property
    def recomputed_flops(self) -> Amount:
        """FLOP of the products of checkpointed parts that are recomputed."""
        again = (each.macs for name, each in self.of_node.items() if name in self.again)
        return total(again).times(FLOPS_A_MAC)

    @property
    def training_flops(self) -> Amount:
        """FLOP of all products of a forward and a backward pass."""
        return self.forward_flops + self.backward_flops + self.recomputed_flops

    @property
    def step_flops(self) -> Amount:
        """FLOP of all products of a step: of every pass whose gradients it sums."""
        return self.training_flops.times(self.passes)

    @cached_property
    def elementwise_flops(self) -> Amount:
        """FLOP of everything but products, in a forward pass."""
        return self._total(lambda measured: measured.elementwise)

    @cached_property
    def _answers(self) -> Answers:
        return Answers(self.operators)

    def _measure(self, node: Node) -> NodeCompute:
        operator = self.operators.of(node)
        if operator is None:
            if node.name in self.graph.inner:
                return self._measure_inside(node)
            return _unknown(node, "the operator is not known")
        try:
            cost = self._answers.of(operator.cost, node, self.graph)
        except UndeterminedElements as reason:
            return replace(_unknown(node, str(reason)), macs=Amount(), backward_macs=Amount())
        except Undetermined as reason:
            return _unknown(node, str(reason))
        flags = self.gradients.of(node)
        least = flags if self.least is None else self.least.of(node)
        most = cost.products if cost.most is None else cost.most
        macs, backward, flops = (
            Amount(int(cost.least * low), high)
            for low, high in (
                (cost.macs, sum(product.macs for product in most)),
                (_backward(cost.products, least), _backward(most, flags)),
                (cost.elementwise, cost.elementwise),
            )
        )
        more = node.attributes.get(MAY_REPEAT, 0)
        if isinstance(more, int) and more:
            macs, backward = (Amount(each.low, each.high * (1 + more)) for each in (macs, backward))
        return NodeCompute(macs, backward, flops, cost)

    def _measure_inside(self, node: Node) -> NodeCompute:
        """Return the work of the graphs inside a node."""
        works = self._works(node, self.gradients)
        backward = self._backward_inside(node, self.gradients)
        if self.least is not None:
            backward = Amount(self._backward_inside(node, self.least).low, backward.high)
        return NodeCompute(
            inside(node, self.graph, lambda graph: works[graph].forward_macs),
            backward,
            inside(node, self.graph, lambda graph: works[graph].elementwise_flops),
        )

    def _works(self, node: Node, gradients: GradientFlow) -> dict[Graph, Compute]:
        return {
            graph: Compute(graph, self.operators, gradients.inside(node, graph))
            for graph in self.graph.inner[node.name]
        }

    def _backward_inside(self, node: Node, gradients: GradientFlow) -> Amount:
        if not gradients.enters(node):
            return Amount()
        works = self._works(node, gradients)
        return inside(node, self.graph, lambda graph: works[graph].backward_macs)

    def _total(self, part: Callable[[NodeCompute], Amount]) -> Amount:
        return total(part(measured) for measured in self.of_node.values())


def _backward(products: Iterable[Product], flags: Gradients) -> int:
    """Return the multiply-accumulates of the gradients of products."""
    return sum(
        product.macs
        for product in products
        for operand in product.operands
        if any(flags[slot] for slot in operand)
    )


def _unknown(node: Node, reason: str) -> NodeCompute:
    amount = Amount(0, 0, (Unknown(node.name, node.op, reason),))
    return NodeCompute(amount, amount, amount)
