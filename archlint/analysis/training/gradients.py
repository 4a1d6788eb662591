"""Which tensors need a gradient, and which operators have a backward pass."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, cached_property

from msgspec import Struct
from msgspec.structs import replace

from archlint.analysis.parameters.parameters import Parameters
from archlint.analysis.training.without_gradient import WithoutGradient
from archlint.graph.control_flow.carried import carried_inputs
from archlint.graph.graph import Graph
from archlint.graph.node import Node
from archlint.graph.value import Role
from archlint.ops.registry import Operators
from archlint.ops.saved import Gradients
from archlint.ops.weight_origin import WeightOrigin


class GradientFlow(Struct, frozen=True, dict=True):
    """The flow of gradients from the outputs back to the parameters.

    A tensor needs a gradient if a trained parameter comes before it, or the model's input where
    `input_gradient` is set. An operator that reaches no output has no backward pass. `on_gpu` is
    where the model runs, `bool_masks` how dropout saves its masks, and `in_place` whether
    activations overwrite their input. In a subgraph, `given` are the captured tensors that need a
    gradient. With `is_recorded`, every operator that autograd records counts, even if its backward
    pass will not run.
    """

    graph: Graph
    operators: Operators
    parameters: Parameters
    input_gradient: bool = False
    on_gpu: bool = False
    bool_masks: bool = False
    in_place: bool | None = None
    given: frozenset[str] = frozenset()
    is_recorded: bool = False

    def on(self, graph: Graph) -> GradientFlow:
        """Return the flow in another form of the graph: this one, where it is the same."""
        return self if graph is self.graph else replace(self, graph=graph)

    @cached_property
    def recorded(self) -> GradientFlow:
        """The flow of gradients for all recorded operators, even those that reach no output."""
        return replace(self, is_recorded=True)

    @cached_property
    def needed(self) -> frozenset[str]:
        """The names of the tensors that need a gradient."""
        trained = {name for name, entry in self.parameters.trainable.items() if entry.trained}
        made_of = self.parameters.lineage.made_of
        needed = set(self.given)
        needed |= {
            name
            for name, roots in made_of.items()
            if _is_float(self.graph, name) and not trained.isdisjoint(roots)
        }
        if self.input_gradient:
            values = (self.graph.values[name] for name in self.graph.inputs)
            needed |= {
                value.name for value in values if value.dtype is None or value.dtype.is_float
            }
        for node in self.graph.nodes:
            if self._blocks(node):
                continue
            data = (*self._data(node), *self.graph.operands(node)[len(node.inputs) :])
            if any(name in needed for name in data) or self._trains(node):
                needed.update(name for name in node.outputs if _is_float(self.graph, name))
        return frozenset(needed)

    @cached_property
    def reaching(self) -> frozenset[str]:
        """The names of the nodes that reach an output along paths on which gradients flow back.

        Gradients do not flow through integers, such as the positions that a top-k returns.
        """
        wanted = set(self.graph.outputs)
        names = set()
        for node in reversed(self.graph.nodes):
            is_wanted = any(name in wanted and _is_float(self.graph, name) for name in node.outputs)
            if is_wanted and not self._blocks(node):
                names.add(node.name)
                wanted.update(self._data(node))
                wanted.update(self.graph.operands(node)[len(node.inputs) :])
        return frozenset(names)

    @cached_property
    def of(self) -> Callable[[Node], Gradients]:
        """Which inputs of a node need a gradient; none where it reaches no output."""
        return cache(self._flags)

    def _flags(self, node: Node) -> Gradients:
        # What blocks gradients may have weights, as the last layer of what ran under `no_grad`.
        reaches = not self._blocks(node) if self.is_recorded else node.name in self.reaching
        needed, data = self.needed, self._data(node)
        flags = tuple([reaches and bool(name) and name in needed for name in data])
        return Gradients(flags, self.on_gpu, self.bool_masks, self.in_place)

    def records(self, node: Node) -> bool:
        """Whether autograd records a node, whether it reaches an output or not."""
        return not self.needed.isdisjoint(self._data(node))

    def enters(self, node: Node) -> bool:
        """Whether the backward pass runs through the subgraphs of a node."""
        if node.name not in self.graph.inner or node.name not in self.reaching:
            return False
        return any(name in self.needed for name in filter(None, node.outputs))

    def inside(self, node: Node, graph: Graph) -> GradientFlow:
        """Return the flow of gradients in a subgraph of `node`.

        Where anything in the body of a loop is trained, the states of all iterations are taken to
        need a gradient, including the first.
        """
        given = {name for name in graph.captures if name in self.needed}
        if given or self._trains(node):
            given.update(carried_inputs(node, graph))
        pairs = zip(graph.inputs, node.inputs, strict=False)
        given.update(inner for inner, outer in pairs if outer in self.needed)
        return replace(
            self,
            graph=graph,
            parameters=self.parameters.inside[graph],
            input_gradient=False,
            given=frozenset(name for name in given if _is_float(graph, name)),
        )

    def _blocks(self, node: Node) -> bool:
        """Whether a node blocks gradients, by its operator or by the record of torch.export."""
        operator = self.operators.of(node)
        if operator is not None and not operator.differentiable:
            return True
        if not node.metadata:
            return False
        from archlint.graph.program.call_record import is_detached

        return is_detached(node) or self._without_gradient.ran(node)

    @cached_property
    def _without_gradient(self) -> WithoutGradient:
        return WithoutGradient(self.graph)

    def _trains(self, node: Node) -> bool:
        """Whether a nested graph of `node` has a trained parameter."""
        graphs = self.graph.inner.get(node.name, ())
        inner = [self.parameters.inside[graph] for graph in graphs]
        return any(entry.trained for each in inner for entry in each.every)

    def is_stored(self, name: str) -> bool:
        """Whether a tensor is stored in the file, so that saving it needs no further memory."""
        root = self.parameters.origins.get(name, name)
        is_parameter = root in self.parameters.trainable or root in self.parameters.buffers
        is_made = root in self.graph.producers  # by a Constant: created in every pass
        return is_parameter or (self.graph.values[root].role is Role.STORED and not is_made)

    def _data(self, node: Node) -> tuple[str, ...]:
        """Return the inputs by slot, with "" for those that no gradient flows back to.

        Operands such as shapes and axes are left out.
        """
        operator = self.operators.of(node)
        if operator is None:
            return node.inputs
        if operator.origin is WeightOrigin.SAME:
            return node.inputs[:1]
        ends = operator.undifferentiated
        if ends:
            return tuple("" if slot in ends else name for slot, name in enumerate(node.inputs))
        return node.inputs


def _is_float(graph: Graph, name: str) -> bool:
    if not name:
        return False
    dtype = graph.values[name].dtype
    return dtype is None or dtype.is_float
