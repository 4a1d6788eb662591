"""Low-rank adapters beside the linear layers of a network (LoRA: Hu et al. 2021)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from msgspec import Struct, field
from msgspec.structs import replace

from archlint.analysis.parameters.lineage import Lineage
from archlint.frontends.properties import ADAPTER, FAN_IN, FAN_OUT, INITIALIZER
from archlint.graph.graph import Graph
from archlint.graph.node import Node
from archlint.graph.program.modules import SCOPES, is_target, module_path
from archlint.graph.value import Dim, Provenance, Role, Value
from archlint.graph.weight import Weight
from archlint.ops import insertion
from archlint.ops.backward import Backward
from archlint.ops.registry import Operators
from archlint.ops.storage import Layout

if TYPE_CHECKING:
    import numpy as np

_DOWN = "kaiming_uniform(a=2.23606798, mode=fan_in, nonlinearity=leaky_relu)"
_UP = "zeros()"


class Adapters(Struct, dict=True):
    """Adapters x A B s beside the linear layers of a graph, added to their outputs.

    A is features x rank, B is rank x outputs and s a number. `targets` are names of modules as in
    PEFT: the whole path, or the end of it. Without any, every linear layer gets an adapter, except
    those that make an output of the graph.
    """

    graph: Graph
    operators: Operators
    rank: int
    targets: tuple[str, ...] = ()
    _nodes: list[Node] = field(default_factory=list)
    _values: dict[str, Value] = field(default_factory=dict)
    _weights: dict[str, Weight] = field(default_factory=dict)
    _constants: dict[str, np.ndarray] = field(default_factory=dict)

    def added(self) -> Graph:
        """Return the graph with its adapters."""
        ends = self._ends()
        renamed: dict[str, str] = {}
        for node in self.graph.nodes:
            layer = ends.get(node.name)
            if layer is None:
                self._nodes.append(node)
                continue
            base = f"{node.output}#base"
            renamed[node.output] = base
            self._nodes.append(replace(node, outputs=(base, *node.outputs[1:])))
            self._add(layer, node.output, base)
        return replace(
            self.graph,
            nodes=tuple(self._nodes),
            values={**self.graph.values, **self._values},
            weights={**self.graph.weights, **self._weights},
            constants={**self.graph.constants, **self._constants},
        )

    def _ends(self) -> dict[str, Node]:
        """Return the products that get an adapter, by the name of the last node of their layer."""
        stored = Lineage(self.graph, self.operators).same
        ends = {}
        for node in self.graph.nodes:
            if not self._is_linear(node, stored):
                continue
            end = self._with_bias(node)
            is_last = not self.targets and end.output in self.graph.outputs
            if not is_last and (not self.targets or is_target(module_path(node), self.targets)):
                ends[end.name] = node
        return ends

    def _is_linear(self, node: Node, stored: Mapping[str, str]) -> bool:
        """Whether a node multiplies the last axis of its input by a stored matrix."""
        operator = self.operators.of(node)
        if operator is None or 1 not in operator.weights:
            return False
        if operator.storage.layout is Layout.FOLLOWS:
            return False
        root = stored.get(node.inputs[1])
        before, after = (self.graph.values[name].shape for name in (node.inputs[0], node.output))
        if root is None or not before or not after or before[:-1] != after[:-1]:
            return False
        matrix = self.graph.values[root]
        features, outputs = before[-1], after[-1]
        if not isinstance(features, int) or not isinstance(outputs, int):
            return False
        return len(matrix.shape or ()) == 2 and matrix.elements == features * outputs

    def _with_bias(self, node: Node) -> Node:
        """Return the node that adds a stored bias to a product, or else the product."""
        users = self.graph.consumers.get(node.output, ())
        if len(users) != 1 or node.output in self.graph.outputs:
            return node
        others = [self.graph.values[name] for name in users[0].inputs if name != node.output]
        operator = self.operators.of(users[0])
        adds = operator is not None and operator.backward is Backward.PASSES and len(others) == 1
        is_bias = adds and others[0].role is Role.STORED and len(others[0].shape or ()) == 1
        return users[0] if is_bias else node

    def _add(self, layer: Node, output: str, base: str) -> None:
        """Add the adapter of one layer, whose own result is renamed to `base`."""
        x, y = self.graph.values[layer.inputs[0]], self.graph.values[output]
        lead, features, outputs = (y.shape or ())[:-1], (x.shape or ())[-1], (y.shape or ())[-1]
        self._values[base] = replace(y, name=base, role=Role.COMPUTED)
        down = self._weight(layer, "lora_A", (features, self.rank), x, _DOWN)
        up = self._weight(layer, "lora_B", (self.rank, outputs), x, _UP)
        import numpy as np

        scale = self._name(layer, "scale")
        self._values[scale] = Value(scale, x.dtype, (), Role.STORED, Provenance.DECLARED)
        self._constants[scale] = np.ones((), np.float32)
        thin = self._made(layer, "down", (*lead, self.rank))
        wide = self._made(layer, "up", (*lead, outputs))
        scaled = self._made(layer, "scaled", (*lead, outputs))
        scopes = {key: text for key, text in layer.metadata.items() if key == SCOPES}
        self._nodes += [
            insertion.product(thin, (x.name, down), thin, scopes),
            insertion.product(wide, (thin, up), wide, scopes),
            insertion.scaling(scaled, (wide, scale), scaled, scopes),
            insertion.addition(self._name(layer, "sum"), (base, scaled), output, scopes),
        ]

    def _weight(
        self, layer: Node, part: str, shape: tuple[Dim, ...], like: Value, initializer: str
    ) -> str:
        name = self._name(layer, part)
        self._values[name] = Value(name, like.dtype, shape, Role.STORED, Provenance.DECLARED)
        fans = {FAN_IN: str(shape[0]), FAN_OUT: str(shape[1])}
        self._weights[name] = Weight(name, {INITIALIZER: initializer, ADAPTER: "true", **fans})
        return name

    def _made(self, layer: Node, part: str, shape: tuple[Dim, ...]) -> str:
        """Add a tensor of the adapter, computed by the node of the same name."""
        name = self._name(layer, part)
        like = self.graph.values[layer.output]
        self._values[name] = replace(like, name=name, shape=shape, role=Role.COMPUTED)
        return name

    def _name(self, layer: Node, part: str) -> str:
        """Return the name of a part of an adapter, in the module of its layer."""
        module, slash, _ = layer.name.rpartition("/")
        return f"{module}/{part}" if slash else f"{layer.name}.{part}"
