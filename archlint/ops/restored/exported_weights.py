"""Parameters as the calls of the program name them, where torch.export's optimizer stores others.

The optimizer keeps equal tensors once, stores the weight of a linear layer transposed, and drops
biases of zeros. The recorded calls still name their parameters: the call
`linear(args = (%x, %p_fc_weight, %p_fc_bias))` may be the node `MatMul(x, val_3)` in the file. Then
`val_3` is the transposed `fc.weight`, and `fc.bias` is left out. Both become parameters again.
Calls that a batch norm was folded into are left to `folded_norms`, and tensors that were computed
from several to `folded_weights`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from functools import cached_property

from msgspec import Struct
from msgspec.structs import replace

from archlint.graph.graph import Graph
from archlint.graph.node import Node
from archlint.graph.program.calls import ExportedCall, exported_calls
from archlint.graph.program.origin import origin_of, origins
from archlint.graph.program.signature import Signature, signature
from archlint.graph.value import Provenance, Role, Shape, Value
from archlint.ops.restored.folded_norms import CONVOLUTIONS
from archlint.ops.restored.graph_edit import GraphEdit

_PRODUCTS = frozenset({"MatMul", "Gemm"})
_FOLDED = _PRODUCTS | CONVOLUTIONS
_REPEATED = "expand"
_BIASES: Mapping[str, int] = {
    "addmm": 0,
    **dict.fromkeys(("linear", "conv1d", "conv2d", "conv3d", "convolution"), 2),
}
"""The place of the bias among the arguments of a call."""


def as_in_program(graph: Graph) -> Graph:
    """Return `graph` with the parameters that the calls of the exported program name.

    Calls that name the same parameter share it, as a tied head shares the weight of an embedding.
    """
    named = signature(graph)
    calls = exported_calls(graph) if named is not None else ()
    if named is None or not calls:
        return graph
    program = _Program(graph, named, GraphEdit(graph))
    for call in calls:
        program.read(call)
    for name in graph.weights:
        program.contract(name)
    return program.edit.edited()


def folded_parameters(graph: Graph, trainable: Iterable[str]) -> list[str]:
    """Return the tensors that torch.export's optimizer may have computed from parameters.

    The record names every parameter of the program. Where one is not in the file, it may have gone
    into any of the `trainable` tensors that the record does not name.
    """
    named = signature(graph)
    if named is None:
        return []
    parameters = {name for name, kind in named.kinds.items() if kind == "PARAMETER"}
    if parameters <= graph.weights.keys():
        return []
    return [name for name in trainable if name not in named.kinds and "#" not in name]


def holds_norm(call: ExportedCall) -> bool:
    """Whether a batch norm was folded into the node of a call."""
    return "batch_norm" in call.target and any(node.op in _FOLDED for node in call.nodes)


class _Program(Struct, dict=True):
    """The parameters of the program that were found, and the nodes that read them."""

    graph: Graph
    signature: Signature
    edit: GraphEdit

    def read(self, call: ExportedCall) -> None:
        """Let the nodes of a call read the parameters that it names."""
        if holds_norm(call):
            return  # its parameters come back with the batch norm
        named = list(self._parameters(call))
        places = list(self._stored(call))
        here = {name for _, _, name in places}
        here.update(name for _, _, stored in places for name in self._joined.get(stored, ()))
        missing = [name for name in named if name not in here]
        others = [
            place for place in places if place[2] not in named and place[2] not in self._joined
        ]
        for parameter in missing:
            place = self._place(parameter, others, named)
            if place is None and (parameter.endswith("bias") or parameter == self._bias(call)):
                self._append(parameter, call)
            elif place is not None:
                others.remove(place)
                self._replace(parameter, *place)

    def contract(self, name: str) -> None:
        """Store a learned token once that the file has repeated for every sample."""
        value = self.graph.values[name]
        is_float = value.dtype is not None and value.dtype.is_float
        is_called = name.startswith(_REPEATED) and name not in self.signature.kinds
        if not is_float or not is_called or not value.shape:
            return
        if origin_of(self.graph, name, self.signature) is not None:
            return
        batch = [self.graph.values[each].shape for each in self.graph.inputs]
        if any(shape and shape[0] == value.shape[0] != 1 for shape in batch):
            token = f"{name}#token"
            self.edit.store(replace(value, name=token, shape=(1, *value.shape[1:])))
            repeat = Node(f"{name}#repeat", "Expand", "", (token,), (name,), {}, {})
            self.edit.compute(repeat, name, self.graph.consumers[name][0])

    def _parameters(self, call: ExportedCall) -> Iterator[str]:
        """Yield the parameters among the arguments of a call, in order."""
        for argument in call.arguments:
            for part in argument.strip("[]").split(","):
                name = self.signature.tensors.get(part.strip().lstrip("%"), "")
                if self.signature.kinds.get(name) == "PARAMETER":
                    yield name

    def _bias(self, call: ExportedCall) -> str:
        """Return the tensor in the place of the bias among the arguments of a call, "" for none."""
        name = call.target.split(".")[1] if call.target.startswith("aten.") else ""
        place = _BIASES.get(name)
        argument = "" if place is None else call.argument(place).lstrip("%")
        return self.signature.tensors.get(argument, "")

    def _stored(self, call: ExportedCall) -> Iterator[tuple[Node, int, str]]:
        """Yield where the nodes of a call read stored tensors that may be parameters."""
        units = call.units
        for node in call.nodes:
            for slot, name in enumerate(node.inputs):
                is_stored = name in self.graph.weights and name not in units
                value = self.graph.values[name] if is_stored else None
                if name in self._computed:
                    continue
                if value is not None and value.shape and value.dtype and value.dtype.is_float:
                    yield node, slot, name

    def _place(
        self, parameter: str, others: Iterable[tuple[Node, int, str]], named: Collection[str]
    ) -> tuple[Node, int, str] | None:
        """Return where a call reads a parameter: what was made of it, else what may be it."""
        free = None
        for place in others:
            made_of = self._made_of.get(place[2], ())
            if parameter in made_of:
                return place
            is_open = free is None and not set(made_of) & set(named)
            if is_open and self._may_be(parameter, place[2]):
                free = place
        return free

    @cached_property
    def _computed(self) -> frozenset[str]:
        """The stored tensors that were made of parameters and of others."""
        found = origins(self.graph, self.signature)
        return frozenset(name for name, each in found.items() if each.parameters and each.others)

    @cached_property
    def _made_of(self) -> Mapping[str, tuple[str, ...]]:
        """The parameters that stored tensors were made of, as far as the file says."""
        found = origins(self.graph, self.signature)
        return {name: each.parameters for name, each in found.items()}

    @cached_property
    def _joined(self) -> Mapping[str, tuple[str, ...]]:
        """The stored tensors that several parameters were joined in, with these parameters."""
        return {name: made_of for name, made_of in self._made_of.items() if len(made_of) > 1}

    def _may_be(self, parameter: str, name: str) -> bool:
        """Whether a parameter may be stored as that tensor: a bias is a row of numbers."""
        shape = self.graph.values[name].shape or ()
        return not parameter.endswith("bias") or sum(dim != 1 for dim in shape) <= 1

    def _replace(self, parameter: str, node: Node, slot: int, name: str) -> None:
        """Let a node read a parameter, transposed where it is the weight of a linear layer."""
        stored = self.graph.values[name]
        shape = stored.shape or ()
        is_transposed = node.op == "MatMul" and slot == 1 and name not in self.signature.kinds
        self._add(parameter, shape[::-1] if is_transposed and len(shape) == 2 else shape, stored)
        reads = parameter
        if is_transposed and len(shape) == 2:
            reads = f"{parameter}#turned"
            if reads in self.edit.values:  # by another call, which is one operator with its own
                reads = f"{reads} for {node.name}"
            order = {"perm": (1, 0)}
            turn = Node(reads, "Transpose", "", (parameter,), (reads,), order, node.metadata)
            self.edit.compute(turn, name, node)
        inputs = self.edit.inputs(node)
        self.edit.read(node, (*inputs[:slot], reads, *inputs[slot + 1 :]))

    def _append(self, parameter: str, call: ExportedCall) -> None:
        """Give a call the bias that the file leaves out."""
        for node in call.nodes:
            if node.op in _FOLDED and len(node.inputs) == 2:
                value = self.graph.values[node.output]
                shape = value.shape or ()
                axis = 1 if node.op in CONVOLUTIONS else -1
                if len(shape) > 1:
                    self._add(parameter, (shape[axis],), value)
                    self.edit.read(node, (*self.edit.inputs(node), parameter))
                return

    def _add(self, parameter: str, shape: Shape, like: Value) -> None:
        if parameter not in self.graph.values:
            self.edit.store(Value(parameter, like.dtype, shape, Role.STORED, Provenance.INFERRED))
