"""Places where an export for inference may have removed dropout.

Dropout does nothing in evaluation mode. torch.export writes a copy (`clone`) in its place, which
the optimizer removes, while the next call still names it; where the copy remains, the record says
that it ran inside of the class Dropout. Both exporters leave a gap in the names of modules where
`row.0` and `row.2` of a Sequential run, and `row.1` does not. Between the layers of one LSTM the
record tells the rate (`stacked_layers`). The TorchScript exporter leaves no other sign: there
dropout is possible wherever it is customary, such as after activations, at the end of residual
branches and after embeddings. All of these are possibilities, for the upper bound; a file that
shows no change for inference has none.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property

from msgspec import Struct
from msgspec.structs import replace

from archlint.graph.generated_names import is_folded_name
from archlint.graph.graph import Graph
from archlint.graph.node import Attribute, Node
from archlint.graph.program.call_record import is_inside
from archlint.graph.program.modules import module_path, module_paths
from archlint.graph.program.signature import signature
from archlint.ops.composite.attention import FUSED_KERNELS
from archlint.ops.restored.export_mode import is_for_training
from archlint.ops.restored.folded_norms import folded_norms
from archlint.ops.restored.graph_edit import GraphEdit
from archlint.ops.restored.removed_copies import REORDERING, CopyReader, RemovedCopies
from archlint.ops.restored.stacked_layers import stacked_layers

_NO_METADATA: Mapping[str, str] = {}
_DROPOUT = "torch.nn.modules.dropout."
_ATTENTION = "torch.nn.modules.activation.MultiheadAttention"

# What dropout customarily follows: activations, and what ends a block or begins a head.
_ACTIVATIONS = frozenset(
    {"Relu", "Gelu", "Silu", "Swish", "Hardswish", "HardSwish", "Elu", "LeakyRelu", "Tanh", "Mish"}
    | {"Glu", "Softplus", "Selu", "Clip", "Sigmoid", "PRelu"}
)
_ENDS = frozenset({"Linear", "Gemm", "MatMul", "Softmax"})
_NORMS = frozenset({"LayerNorm", "LayerNormalization"})
_LAYERS = frozenset({"Conv", "Gemm", "MatMul"})
_NAMED = 2  # the parts of a path that name a module: that of its row, and its number
_POOLING = frozenset({"AveragePool", "MaxPool"})
_POOLED = frozenset({"Flatten", "GlobalAveragePool", "ReduceMean"})


class HiddenDropouts(Struct, frozen=True, dict=True):
    """The places in a graph of the framework's operators where dropout may have been left out.

    `file` is the graph of the file, which shows how it was exported (only in PyTorch's files).
    `drops_fused` means that attention with dropout stays in its fused kernel, as on a GPU.
    """

    graph: Graph
    file: Graph
    drops_fused: bool = False

    @cached_property
    def possible_dropouts(self) -> tuple[str, ...]:
        """The nodes that dropout may have followed, fused attention included."""
        if not self.is_inference:
            return ()
        if self._is_exported:
            names = {node.name for node in self.graph.nodes if _is_left_out(node)}
            names.update(self._makers(self._copies.copied))
            names.update(node.name for node in self._copies.twins(self.graph))
            if self._copies.lost:
                names.update(node.name for node in self.graph.nodes if self._may_drop_before(node))
        else:
            names = {node.name for node in self.graph.nodes if self._may_drop(node)}
        names.update(self._makers(self._after_gaps))
        names.update(node.name for node, _ in self._stacked if node.name in self.graph.by_name)
        names.update(node.name for node in self.graph.nodes if node.op in FUSED_KERNELS)
        return tuple(node.name for node in self.graph.nodes if node.name in names)

    def _makers(self, tensors: Iterable[str]) -> Iterator[str]:
        """Yield the names of the nodes that make `tensors`."""
        for name in tensors:
            if name in self.graph.producers:
                yield self.graph.producers[name].name

    @cached_property
    def _copies(self) -> RemovedCopies:
        return RemovedCopies(self.file)

    def _may_drop_before(self, node: Node) -> bool:
        """Whether dropout may stand before a layer whose call is lost with its batch norm."""
        users = {user.name for user in self.graph.consumers.get(node.output, ())}
        is_before = not users.isdisjoint(self._folded)
        return is_before and (node.op in _POOLING or self._may_drop(node))

    @cached_property
    def _folded(self) -> frozenset[str]:
        return frozenset(folded_norms(self.file))

    @cached_property
    def _after_gaps(self) -> tuple[str, ...]:
        """The inputs of layers before which a Sequential has a module that left no node.

        A dropout in place leaves no copy. Layers next to a folded batch norm do not count, as the
        norm is the missing module; nor do inputs from the same place of another Sequential, which
        computed them for both.
        """
        folded = self._folded
        paths = {path for path in module_paths(self.file).values() if path}
        begun = {path[:end] for path in paths for end in range(1, len(path) + 1)}
        found = []
        for node in self.file.nodes:
            path = module_path(node)
            before = self.file.producers.get(node.inputs[0]) if node.inputs else None
            if node.op not in _LAYERS or before is None or before.name in folded:
                continue
            place = int(path[-1]) - 1 if path and path[-1].isdigit() else -1
            if node.name in folded or place < 0:
                continue
            gap = (*path[:-1], str(place))
            if gap not in begun and gap[-_NAMED:] != module_path(before)[-_NAMED:]:
                found.append(node.inputs[0])
        return tuple(found)

    @cached_property
    def _stacked(self) -> tuple[tuple[Node, bool], ...]:
        return tuple(stacked_layers(self.file))

    @cached_property
    def _is_exported(self) -> bool:
        return signature(self.file) is not None

    def shown(self, dropouts: tuple[str, ...]) -> Graph:
        """Return the graph with a dropout behind each of these nodes."""
        edit = GraphEdit(self.graph)
        names = frozenset(dropouts)
        for reader in self._copies.others(self.graph):
            if self.graph.producers[reader.tensor].name in names:
                _drop_before(reader, edit)
        for name in dropouts:
            node = self.graph.by_name[name]
            if node.op not in FUSED_KERNELS:
                _drop_after(node, edit)
            elif not self.drops_fused:
                attributes = {**node.attributes, "dropout": 1.0}
                inputs = edit.inputs(node)
                edit.change(
                    node,
                    replace(node, op="MaterializedAttention", inputs=inputs, attributes=attributes),
                )
        return edit.edited()

    @cached_property
    def is_inference(self) -> bool:
        """Whether something in the file shows that PyTorch exported it for inference."""
        graph = self.file
        if not graph.is_from_pytorch or is_for_training(graph):
            return False
        norms = any(node.op == "BatchNormalization" for node in graph.nodes)
        hides = norms or bool(self._folded) or self._copies.are_there
        hides = hides or (bool(self._after_gaps) and not self._is_exported)
        hides = hides or any(is_recorded for _, is_recorded in self._stacked)
        return hides or any(map(self._is_renamed, graph.weights))

    def _is_renamed(self, name: str) -> bool:
        """Whether a stored matrix or kernel has a name that an exporter generated.

        A Constant does in every file: numbers that the program made go by no other name.
        """
        value = self.file.values[name]
        large = value.shape is not None and len(value.shape) > 1
        is_float = value.dtype is not None and value.dtype.is_float
        is_made = name in self.file.producers
        return large and is_float and not is_made and is_folded_name(name)

    def _may_drop(self, node: Node) -> bool:
        value = self.graph.values[node.outputs[0]]
        if value.dtype is None or not value.dtype.is_float:
            return False
        if node.op in _ACTIVATIONS or node.op in _POOLED or node.op in FUSED_KERNELS:
            return True
        maker = self.graph.producers.get(node.inputs[0]) if node.inputs else None
        if node.op in _NORMS:
            return maker is not None and maker.op == "Add" and self._adds_embeddings(maker)
        users = self._users(node.outputs[0])
        if node.op == "Add":
            return self._adds_embeddings(node)
        if node.op == "Gather":
            return node.inputs[0] in self.graph.weights and "Add" not in users
        return ("MatMul" if node.op == "Softmax" else "Add") in users and node.op in _ENDS

    def _users(self, name: str) -> set[str]:
        """Return the operators that use a tensor, as it is or reshaped."""
        users, pending = set[str](), [name]
        for tensor in pending:
            for user in self.graph.consumers.get(tensor, ()):
                if user.op in REORDERING or user.op == "Reshape":
                    pending.append(user.output)
                else:
                    users.add(user.op)
        return users

    def _adds_embeddings(self, node: Node) -> bool:
        makers = (self.graph.producers.get(name) for name in node.inputs)
        ops = {maker.op for maker in makers if maker is not None}
        return "Gather" in ops or bool(set(node.inputs) & set(self.graph.weights))


def _is_left_out(node: Node) -> bool:
    """Whether a node ran inside of the class Dropout, or is the softmax of attention."""
    return is_inside(node, _DROPOUT) or (node.op == "Softmax" and is_inside(node, _ATTENTION))


def _drop_after(node: Node, edit: GraphEdit) -> None:
    """Put dropout behind a node, with the name of its output."""
    output, inner = node.outputs[0], f"{node.outputs[0]}#hidden"
    name, ratio = f"{node.name}#Dropout", dict[str, Attribute](ratio=0.5)
    inner_node = replace(node, inputs=edit.inputs(node), outputs=(inner, *node.outputs[1:]))
    edit.compute(inner_node, output, node)
    edit.change(node, Node(name, "Dropout", "", (inner,), (output,), ratio, _NO_METADATA))


def _drop_before(reader: CopyReader, edit: GraphEdit) -> None:
    """Put dropout between a tensor and the nodes that read a copy of it."""
    tensor, ratio = reader.tensor, dict[str, Attribute](ratio=0.5)
    output = f"{tensor}#{reader.name}"
    drop = Node(f"{output}#Dropout", "Dropout", "", (tensor,), (output,), ratio, _NO_METADATA)
    edit.compute(drop, tensor, reader.nodes[0])
    for node in reader.nodes:
        edit.read_instead(node, tensor, output)
