"""Batch norms that were folded into the layers before them.

In evaluation mode a batch norm scales and shifts each channel by fixed numbers, which exporters
multiply into the weight and the bias of the layer before it. In training it saves its input, and
has a gain, a bias and running statistics of its own. The signs are

* in files of torch.export, that a convolution or a linear layer stands for a call of `batch_norm`;
* in files of the TorchScript exporter, that the weight and the bias of a convolution both have
  made-up names (`onnx::Conv_45`, `onnx::Conv_46`): whatever else computes a weight leaves the bias
  its name.

The norm is put back after the layer. Only torch.export records whether the layer itself had a bias:
elsewhere it has none, or one where the most is asked for (`with_biases`).
"""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct
from msgspec.structs import replace

from archlint.frontends.properties import BUFFER
from archlint.graph.generated_names import is_folded_name
from archlint.graph.graph import Graph
from archlint.graph.node import Attribute, Node
from archlint.graph.program.call_record import without_call
from archlint.graph.program.calls import normalizing_call
from archlint.graph.program.signature import Signature, signature
from archlint.graph.value import Dim, Provenance, Role, Value
from archlint.ops.restored.graph_edit import GraphEdit

CONVOLUTIONS = frozenset({"Conv", "ConvTranspose"})
_LAYERS = CONVOLUTIONS | {"Gemm"}
_NORMALIZED = "#normalized"
_PARTS = ("weight", "bias", "running_mean", "running_var")


def folded_norms(graph: Graph) -> tuple[str, ...]:
    """Return the names of the nodes that batch norms were folded into."""
    return tuple(node.name for node in graph.nodes if _is_folded(node, graph))


def unfolded(graph: Graph, *, with_biases: bool = False) -> Graph:
    """Return `graph` with its folded batch norms as operators with parameters of their own.

    Layers in front of a batch norm have no bias as a rule. With `with_biases`, all have one of
    which the file does not tell.
    """
    names = folded_norms(graph)
    edit = GraphEdit(graph)
    return _Unfolding(graph, frozenset(names), with_biases, edit).graph_with_norms()


def is_unfolded(node: Node) -> bool:
    """Whether a node is a layer whose folded batch norm has been put back after it."""
    return node.output.endswith(_NORMALIZED)


def _is_folded(node: Node, graph: Graph) -> bool:
    if node.op in _LAYERS and normalizing_call(node) is not None:
        return True
    is_torch = graph.is_from_pytorch
    return (
        is_torch
        and node.op in CONVOLUTIONS
        and len(node.inputs) > 2
        and all(name in graph.weights and is_folded_name(name) for name in node.inputs[1:3])
    )


class _Unfolding(Struct):
    """Adds batch norms to a graph, with the stored tensors that they need."""

    graph: Graph
    names: frozenset[str]
    with_biases: bool
    edit: GraphEdit

    def graph_with_norms(self) -> Graph:
        """Return the graph with a batch norm after each layer that one was folded into."""
        named = signature(self.graph)
        for node in self.graph.nodes:
            if node.name in self.names:
                self._unfold(node, named)
        return self.edit.edited()

    def _unfold(self, node: Node, named: Signature | None) -> None:
        output = self.graph.values[node.output]
        inner = f"{output.name}{_NORMALIZED}"
        channels = (output.shape or (None, None))[1]
        inputs = tuple(self._stored(name, channels, output) for name in self._parts(node, named))
        layer = replace(
            node,
            inputs=(*node.inputs[:2], *self._bias(node, channels, output, named)),
            outputs=(inner, *node.outputs[1:]),
            metadata=without_call(node),
        )
        name = f"{node.name}#BatchNormalization"
        attributes: Mapping[str, Attribute] = {"training_mode": 1}
        norm = Node(
            name,
            "BatchNormalization",
            "",
            (inner, *inputs),
            node.outputs,
            attributes,
            node.metadata,  # what was folded is the call that the node names
        )
        self.edit.compute(layer, output.name, node)
        self.edit.change(node, norm)

    def _parts(self, node: Node, named: Signature | None) -> tuple[str, ...]:
        """Return the names of the gain, the bias and the running statistics."""
        call = normalizing_call(node)
        if call is None or named is None:
            return tuple(f"{node.name}#{part}" for part in _PARTS)
        return tuple(
            named.tensors.get(call.argument(place).lstrip("%"), f"{node.name}#{part}")
            for place, part in enumerate(_PARTS, start=1)
        )

    def _bias(
        self, node: Node, channels: Dim, output: Value, named: Signature | None
    ) -> tuple[str, ...]:
        """Return the bias that the layer itself had, none where it had none."""
        if named is not None and node.inputs[1].endswith(".weight"):
            own = node.inputs[1].removesuffix("weight") + "bias"
            return (self._stored(own, channels, output),) if own in named.kinds else ()
        return (self._stored(f"{node.name}#own", channels, output),) if self.with_biases else ()

    def _stored(self, name: str, channels: Dim, like: Value) -> str:
        """Add a stored tensor with one number per channel, unless it is there."""
        if name not in self.graph.weights:
            value = Value(name, like.dtype, (channels,), Role.STORED, Provenance.INFERRED)
            self.edit.store(value, {BUFFER: "true"} if "running_" in name else {})
        return name
