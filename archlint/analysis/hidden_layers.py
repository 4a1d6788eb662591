"""Layers that an export for inference leaves out: dropout."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property

from archlint.analysis.folded_norms import folded_norms
from archlint.graph.graph import Graph
from archlint.graph.made_up import is_computed_anew
from archlint.graph.node import Attribute, Node
from archlint.graph.value import Role, Value

_NO_METADATA: Mapping[str, str] = {}
_FX = "pkg.torch.onnx.fx_node"
_CLASSES = "pkg.torch.onnx.class_hierarchy"
_TRAINED = "batch_norm_legit_functional"  # what torch.export calls a batch norm in training
_DROPOUT = "torch.nn.modules.dropout."

# What dropout customarily follows: activations, and what ends a block or begins a head.
_ACTIVATIONS = frozenset(
    {"Relu", "Gelu", "Silu", "Swish", "Hardswish", "HardSwish", "Elu", "LeakyRelu", "Tanh", "Mish"}
    | {"Glu", "Softplus", "Selu", "Clip", "Sigmoid", "PRelu"}
)
_ENDS = frozenset({"Linear", "Gemm", "MatMul"})
_FUSED = frozenset({"FlashAttention", "EfficientAttention"})
_POOLED = frozenset({"Flatten", "GlobalAveragePool", "ReduceMean"})


@dataclass(frozen=True)
class HiddenLayers:
    """The places in a graph of the framework's operators where layers may have been left out.

    `file` is the graph of the file, which tells how it was exported: only PyTorch's files do.
    `drops_fused` tells that dropout leaves attention in its fused kernel, as on a GPU.
    """

    graph: Graph
    file: Graph
    drops_fused: bool = False

    @cached_property
    def possible_dropouts(self) -> tuple[str, ...]:
        """The nodes that dropout may have followed."""
        if is_training(self.file) or not self._is_inference:
            return ()
        named = tuple(
            node.name for node in self.graph.nodes if _DROPOUT in node.metadata.get(_CLASSES, "")
        )
        if named:
            return named
        return tuple(node.name for node in self.graph.nodes if self._may_drop(node))

    def shown(self, dropouts: tuple[str, ...]) -> Graph:
        """Return the graph with dropout at `dropouts`."""
        if not dropouts:
            return self.graph
        values = dict(self.graph.values)
        nodes: list[Node] = []
        for node in self.graph.nodes:
            if node.name not in dropouts or (node.op in _FUSED and self.drops_fused):
                nodes.append(node)
            elif node.op in _FUSED:
                attributes = {**node.attributes, "dropout": 1.0}
                nodes.append(replace(node, op="MaterializedAttention", attributes=attributes))
            else:
                nodes.extend(_followed(node, values))
        return replace(self.graph, nodes=tuple(nodes), values=values)

    @cached_property
    def _is_inference(self) -> bool:
        """Whether something in the file tells that PyTorch exported it for inference."""
        graph = self.file
        if graph.metadata.get("producer_name") != "pytorch":
            return False
        norms = any(node.op == "BatchNormalization" for node in graph.nodes)
        return norms or bool(folded_norms(graph)) or any(map(self._is_renamed, graph.weights))

    def _is_renamed(self, name: str) -> bool:
        """Whether a stored matrix or kernel goes by a name that an exporter made up."""
        value = self.file.values[name]
        large = value.shape is not None and len(value.shape) > 1
        is_float = value.dtype is not None and value.dtype.is_float
        return large and is_float and is_computed_anew(name)

    def _may_drop(self, node: Node) -> bool:
        value = self.graph.values[node.outputs[0]]
        if value.dtype is None or not value.dtype.is_float:
            return False
        users = {user.op for user in self.graph.consumers.get(node.outputs[0], ())}
        if node.op in _ACTIVATIONS or node.op in _POOLED or node.op in _FUSED:
            return True
        if node.op == "Softmax":
            return "MatMul" in users
        if node.op == "Add":
            return self._adds_embeddings(node)
        if node.op in {"LayerNorm", "LayerNormalization"}:
            maker = self.graph.producers.get(node.inputs[0])
            return maker is not None and maker.op == "Add" and self._adds_embeddings(maker)
        return node.op in _ENDS and "Add" in users

    def _adds_embeddings(self, node: Node) -> bool:
        makers = (self.graph.producers.get(name) for name in node.inputs)
        ops = {maker.op for maker in makers if maker is not None}
        return "Gather" in ops or bool(set(node.inputs) & set(self.graph.weights))


def is_training(graph: Graph) -> bool:
    """Whether a file was exported for training, so that nothing is left out."""
    return any(
        (node.op == "BatchNormalization" and node.attributes.get("training_mode") == 1)
        or _TRAINED in node.metadata.get(_FX, "")
        or (node.op == "Dropout" and len(node.inputs) > 2)
        for node in graph.nodes
    )


def _followed(node: Node, values: dict[str, Value]) -> tuple[Node, Node]:
    """Return a node and dropout after it, whose output goes by the name of the first one's."""
    output = node.outputs[0]
    inner = f"{output}#hidden"
    values[inner] = replace(values[output], name=inner, role=Role.COMPUTED)
    first = replace(node, outputs=(inner, *node.outputs[1:]))
    ratio: Mapping[str, Attribute] = {"ratio": 0.5}
    return first, Node(
        f"{node.name}#Dropout", "Dropout", "", (inner,), (output,), ratio, _NO_METADATA
    )
