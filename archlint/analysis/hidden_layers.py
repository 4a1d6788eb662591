"""Layers that an export for inference leaves out: batch norm folded into weights, and dropout."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property

from archlint.graph.graph import Graph
from archlint.graph.made_up import is_computed_anew
from archlint.graph.node import Attribute, Node
from archlint.graph.value import Role, Value
from archlint.record import record, replace

_NO_METADATA: Mapping[str, str] = {}
_CONVOLUTIONS = frozenset({"Conv", "ConvTranspose"})
_FX = "pkg.torch.onnx.fx_node"
_CLASSES = "pkg.torch.onnx.class_hierarchy"
_TRAINED = "batch_norm_legit_functional"  # what torch.export calls a batch norm in training
_FOLDED, _DROPOUT = "batch_norm", "torch.nn.modules.dropout."

# What dropout customarily follows: activations, and what ends a block or begins a head.
_ACTIVATIONS = frozenset(
    {"Relu", "Gelu", "Silu", "Swish", "Hardswish", "HardSwish", "Elu", "LeakyRelu", "Tanh", "Mish"}
    | {"Glu", "Softplus", "Selu", "Clip", "Sigmoid", "PRelu"}
)
_ENDS = frozenset({"Linear", "Gemm", "MatMul"})
_FUSED = frozenset({"FlashAttention", "EfficientAttention"})
_POOLED = frozenset({"Flatten", "GlobalAveragePool", "ReduceMean"})


@record(slots=False)
class HiddenLayers:
    """The places in a graph of the framework's operators where layers may have been left out.

    Batch norms that torch.export folded are named in its metadata; where the weight of a
    convolution goes by a name that an exporter made up, one is possible. Only PyTorch's files tell.
    `drops_fused` tells that dropout leaves attention in its fused kernel, as on a GPU.
    """

    graph: Graph
    drops_fused: bool = False

    @cached_property
    def is_training(self) -> bool:
        """Whether the file was exported for training, so that nothing is left out."""
        return any(
            (node.op == "BatchNormalization" and node.attributes.get("training_mode") == 1)
            or _TRAINED in node.metadata.get(_FX, "")
            or (node.op == "Dropout" and len(node.inputs) > 2)
            for node in self.graph.nodes
        )

    @cached_property
    def certain_norms(self) -> tuple[str, ...]:
        """The convolutions that had a batch norm."""
        return tuple(
            node.name
            for node in self.graph.nodes
            if node.op in _CONVOLUTIONS and _FOLDED in node.metadata.get(_FX, "")
        )

    @cached_property
    def possible_norms(self) -> tuple[str, ...]:
        """The convolutions that may have had one, besides those that had."""
        return tuple(
            node.name
            for node in self.graph.nodes
            if node.op in _CONVOLUTIONS
            and node.name not in self.certain_norms
            and self._is_renamed(node.inputs[1])
        )

    @cached_property
    def possible_dropouts(self) -> tuple[str, ...]:
        """The nodes that dropout may have followed."""
        if self.is_training or not self._is_inference:
            return ()
        named = tuple(
            node.name for node in self.graph.nodes if _DROPOUT in node.metadata.get(_CLASSES, "")
        )
        if named:
            return named
        return tuple(node.name for node in self.graph.nodes if self._may_drop(node))

    @property
    def note(self) -> str | None:
        """What a reader should know of the answer, None where the file hides nothing."""
        parts = []
        if self.certain_norms or self.possible_norms:
            parts.append("batch norm folded into its convolutions")
        if self.possible_dropouts:
            parts.append("dropout left out")
        if not parts:
            return None
        return (
            f"an export for inference, with {' and '.join(parts)}: training keeps more than the "
            "file shows; export in training mode, or say training.batch-norm and training.dropout"
        )

    def shown(self, norms: tuple[str, ...], dropouts: tuple[str, ...] = ()) -> Graph:
        """Return the graph with a batch norm after each of `norms`, and dropout at `dropouts`."""
        if not norms and not dropouts:
            return self.graph
        values = dict(self.graph.values)
        nodes: list[Node] = []
        for node in self.graph.nodes:
            if node.name in norms:
                nodes.extend(_followed(node, "BatchNormalization", values))
            elif node.name in dropouts and node.op in _FUSED and self.drops_fused:
                nodes.append(node)
            elif node.name in dropouts and node.op in _FUSED:
                attributes = {**node.attributes, "dropout": 1.0}
                nodes.append(replace(node, op="MaterializedAttention", attributes=attributes))
            elif node.name in dropouts:
                nodes.extend(_followed(node, "Dropout", values))
            else:
                nodes.append(node)
        return replace(self.graph, nodes=tuple(nodes), values=values)

    @cached_property
    def _is_inference(self) -> bool:
        """Whether something in the file tells that PyTorch exported it for inference."""
        norms = any(node.op == "BatchNormalization" for node in self.graph.nodes)
        renamed = any(self._is_renamed(name) for name in self.graph.weights)
        return self._is_from_pytorch and (norms or bool(self.certain_norms) or renamed)

    @property
    def _is_from_pytorch(self) -> bool:
        return self.graph.metadata.get("producer_name") == "pytorch"

    def _is_renamed(self, name: str) -> bool:
        """Whether a stored matrix or kernel goes by a name that an exporter made up."""
        value = self.graph.values[name]
        large = value.shape is not None and len(value.shape) > 1
        is_float = value.dtype is not None and value.dtype.is_float
        return self._is_from_pytorch and large and is_float and is_computed_anew(name)

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


def _followed(node: Node, op: str, values: dict[str, Value]) -> tuple[Node, Node]:
    """Return a node and another one after it, whose output goes by the name of the first one's."""
    output = node.outputs[0]
    inner = f"{output}#hidden"
    values[inner] = replace(values[output], name=inner, role=Role.COMPUTED)
    first = replace(node, outputs=(inner, *node.outputs[1:]))
    attributes: Mapping[str, Attribute] = {"ratio": 0.5} if op == "Dropout" else {}
    second = Node(f"{node.name}#{op}", op, "", (inner,), (output,), attributes, _NO_METADATA)
    return first, second
