"""Reads the calls of the exported program that torch.export records for each node."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from msgspec import Struct

from archlint.graph.graph import Graph
from archlint.graph.node import Node

LACKS_PROJECTION = "the exporter left out the projection (proj_size) of the program's LSTM"

_CALLS = "pkg.torch.onnx.fx_node"
_CLASSES = "pkg.torch.onnx.class_hierarchy"
_SIGNATURE = "pkg.torch.export.ExportedProgram.graph_signature"
_DETACHED = "target=torch.ops.aten.detach."
_PRINTED = re.compile(
    r"%(?P<name>\w+) (?:: \[num_users=(?P<users>\d{1,9})\])?.*?"
    r"target=(?:torch\.ops\.)?(?P<target>[\w.]+)\]"
    r"\(args = \((?P<arguments>.*)\), kwargs = \{(?P<keywords>.*)\}\)",
    re.DOTALL,
)
_PLACEHOLDER = re.compile(r"^(\w+): (\w+)(?: target='([^']*)')?", re.MULTILINE)
_ALL_IN_FILE = frozenset({"linear", "conv1d", "conv2d", "conv3d", "convolution", "addmm"})
_REGROUPING = frozenset({"Unsqueeze", "Squeeze", "Reshape", "Flatten"})
_INTEGER = re.compile(r"-?[0-9]{1,18}")
_NUMBERED = re.compile(r"_\d+$")
_OWN_NAME = re.compile(r"^%\w+")
_OPERATOR = re.compile(r"target=torch\.ops\.\w+\.(\w+)")
_TENSORS = re.compile(r"%(\w+)")
_GIVEN_UNITS = frozenset({"InstanceNormalization"})  # where the exporter has no group norm
_OPENING, _CLOSING = "([{", ")]}"


class ExportedCall(Struct, frozen=True):
    """One call of an operator, and the nodes that stand for it in the file.

    `arguments` and `keywords` are as the exporter printed them: `%name` is a tensor. `users` counts
    the calls of the program that take what it makes, None where that is not told.
    """

    name: str
    target: str
    arguments: tuple[str, ...]
    keywords: Mapping[str, str]
    nodes: tuple[Node, ...]
    users: int | None = None

    @property
    def is_element(self) -> bool:
        """Whether it selects one of several results of another call, its first argument."""
        return self.target == "operator.getitem"

    @property
    def tensors(self) -> list[str]:
        """The names of the tensors among the arguments, in order."""
        return [name for part in self.arguments for name in _TENSORS.findall(part)]

    @property
    def takes(self) -> frozenset[str]:
        """The names of all tensors that it is given."""
        given = (*self.arguments, *self.keywords.values())
        return frozenset(name for part in given for name in _TENSORS.findall(part))

    @property
    def units(self) -> frozenset[str]:
        """The gain and bias of ones and zeros with which the exporter writes a group norm.

        It uses InstanceNormalization for that; they are no weights of the call.
        """
        return frozenset(
            name for node in self.nodes if node.op in _GIVEN_UNITS for name in node.inputs[1:]
        )

    def argument(self, place: int, default: str = "None") -> str:
        """Return the argument at `place`."""
        return self.arguments[place] if place < len(self.arguments) else default

    def integer(self, place: int, default: int) -> int | None:
        """Return the integer at `place`, None where something else is written there."""
        text = self.argument(place, str(default))
        return int(text) if _INTEGER.fullmatch(text) else None


def exported_calls(graph: Graph) -> tuple[ExportedCall, ...]:
    """Return the calls that the nodes of `graph` stand for, in order; none without metadata."""
    groups: dict[str, list[Node]] = {}
    for node in graph.nodes:
        printed = printed_call(node)
        if printed:
            groups.setdefault(printed, []).append(node)
    calls = (_call(printed, tuple(nodes)) for printed, nodes in groups.items())
    return tuple(call for call in calls if call is not None)


def _call(printed: str, nodes: tuple[Node, ...]) -> ExportedCall | None:
    found = _PRINTED.match(printed)
    if not found:
        return None
    keywords = (part.partition(": ") for part in _split(found["keywords"]))
    return ExportedCall(
        found["name"],
        found["target"],
        tuple(_split(found["arguments"])),
        {key: value for key, _, value in keywords},
        nodes,
        int(found["users"]) if found["users"] else None,
    )


def printed_call(node: Node) -> str:
    """Return the call that a node stands for as the exporter printed it; "" without metadata."""
    return node.metadata.get(_CALLS, "")


def call_name(node: Node) -> str:
    """Return the name of the call that a node stands for, alone or with others; "" for none."""
    found = _OWN_NAME.match(printed_call(node))
    return found[0][1:] if found else ""


def called_operator(node: Node) -> str:
    """Return the operator that the call of a node calls, without namespace and overload."""
    found = _OPERATOR.search(printed_call(node))
    return found[1] if found else ""


def exported_call(node: Node) -> ExportedCall | None:
    """Return the call that a node stands for, alone or with others; None without metadata."""
    return _call(printed_call(node), (node,))


def lacks_projection(node: Node) -> bool:
    """Whether torch.export says that a node stands for an LSTM with a projection, which ONNX lacks.

    It writes such a layer (`proj_size`) without its projections, as if nothing were missing.
    """
    call = exported_call(node) if node.op == "LSTM" else None
    if call is None or not call.target.startswith("aten.lstm."):
        return False
    lists = [at for at, part in enumerate(call.arguments) if part.startswith("[")]
    if not lists:
        return False
    weights, has_biases = call.argument(lists[-1]), call.argument(lists[-1] + 1) == "True"
    layers = call.integer(lists[-1] + 2, 1) or 1
    directions = 2 if call.argument(lists[-1] + 5) == "True" else 1
    return len(_TENSORS.findall(weights)) > layers * directions * (4 if has_biases else 2)


def taken_tensors(node: Node) -> frozenset[str]:
    """Return the names that the program has for the tensors which the call of a node takes."""
    call = exported_call(node)
    return frozenset() if call is None else call.takes


def is_inside(node: Node, module: str) -> bool:
    """Whether torch.export says that a node was run inside a module of that class."""
    return module in node.metadata.get(_CLASSES, "")


def normalizing_call(node: Node) -> ExportedCall | None:
    """Return the call of a batch norm that a node stands for, alone or with the layer before it."""
    is_norm = "batch_norm" in printed_call(node).partition("(args")[0]
    return exported_call(node) if is_norm else None


def without_call(node: Node) -> Mapping[str, str]:
    """Return the metadata of a node that is no longer all of its call."""
    return {key: text for key, text in node.metadata.items() if key != _CALLS}


def as_call(node: Node, name: str) -> Mapping[str, str]:
    """Return the metadata of a node as that of the same call by another name."""
    printed = printed_call(node)
    return (
        {**node.metadata, _CALLS: _OWN_NAME.sub(f"%{name}", printed)} if printed else node.metadata
    )


def skipped(graph: Graph) -> Iterator[tuple[ExportedCall, str, str]]:
    """Yield each call that names a tensor which is not in the file, with the two tensors.

    They are the one that the call names, and the one that its node reads instead, since an
    optimizer removed a call, or merged it with another one.
    """
    named = signature(graph)
    if named is None:
        return
    for call in exported_calls(graph):
        yield from ((call, *pair) for pair in replaced(call, graph, named))


def replaced(call: ExportedCall, graph: Graph, named: Signature) -> Iterator[tuple[str, str]]:
    """Yield the tensors of a call that are not in the file, each with what is read instead."""
    made = {name for node in call.nodes for name in node.outputs}
    read = dict.fromkeys(
        name
        for node in call.nodes
        for name in node.inputs
        if name and name not in made and name not in graph.weights
    )
    asked = call.tensors
    gone = [name for name in asked if name not in graph.values and name not in named.tensors]
    others = [name for name in read if name not in asked]
    if len(gone) == len(others):
        yield from zip(gone, others, strict=True)
    elif gone and len(call.nodes) == 1:
        for name, slot in _slots(call, graph, named):
            if name in gone:
                yield name, call.nodes[0].inputs[slot]


def reading(call: ExportedCall, node: Node, graph: Graph, gone: str, tensor: str) -> list[int]:
    """Return the slots in which a node of a call reads `tensor` in place of one that is `gone`."""
    named = signature(graph)
    slots = [slot for slot, name in enumerate(node.inputs) if name == tensor]
    if len(slots) < 2 or named is None or len(call.nodes) > 1:
        return slots
    return [slot for name, slot in _slots(call, graph, named) if name == gone] or slots


def _slots(call: ExportedCall, graph: Graph, named: Signature) -> list[tuple[str, int]]:
    """Return what a call of one node takes with the slots of its node, none where they differ."""
    inputs, weights = call.nodes[0].inputs, graph.weights
    slots = [slot for slot, name in enumerate(inputs) if name and name not in weights]
    asked = [name for name in call.tensors if named.tensors.get(name, name) not in weights]
    return list(zip(asked, slots, strict=True)) if len(asked) == len(slots) else []


def regroups(tensor: str, name: str, graph: Graph) -> bool:
    """Whether the tensor `name` is a reshape of `tensor`.

    An optimizer merges the reshapes that several calls need, so that one reads what another made.
    """
    while (maker := graph.producers.get(name)) is not None and maker.op in _REGROUPING:
        name = maker.inputs[0]
        if name == tensor:
            return True
    return False


def base_name(name: str) -> str:
    """Return the name of a call without its number: `linear` for `linear_3`."""
    return _NUMBERED.sub("", name)


def folds_normalization(node: Node) -> bool | None:
    """Whether torch.export folded a batch norm into a node; None where it does not say."""
    printed = printed_call(node)
    return "batch_norm" in printed if printed else None


def left_out(node: Node) -> int:
    """Return how many biases of the call of a node are left out of the file, which are zeros."""
    found = _PRINTED.match(printed_call(node))
    if not found or _ALL_IN_FILE.isdisjoint(re.split(r"[._]", found["target"])):
        return 0
    named = [part for part in _split(found["arguments"]) if part.startswith("%p_")]
    return max(len(named) - 1, 0)


def is_exported(node: Node) -> bool:
    """Whether torch.export says what a node stands for."""
    return _CALLS in node.metadata


def is_detached(node: Node) -> bool:
    """Whether torch.export says that a node cuts its tensor off from the backward pass."""
    return _DETACHED in printed_call(node)


def detaching_call(name: str, tensor: str) -> Mapping[str, str]:
    """Return the metadata of a node that cuts a tensor off from the backward pass."""
    return {_CALLS: f"%{name} : [{_DETACHED}default](args = (%{tensor},), kwargs = {{}})"}


def copying_call(name: str, tensor: str) -> Mapping[str, str]:
    """Return the metadata of a node that copies a tensor in the order of its axes."""
    ordered = "memory_format: torch.contiguous_format"
    target = "target=torch.ops.aten.clone.default"
    return {_CALLS: f"%{name} : [{target}](args = (%{tensor},), kwargs = {{{ordered}}})"}


class Signature(Struct, frozen=True):
    """The inputs of an exported program: what each name of the program is in the file.

    `kinds` gives PARAMETER, BUFFER or CONSTANT_TENSOR for each stored tensor by its own name;
    `outputs` are the program's, by their names there.
    """

    tensors: Mapping[str, str]
    kinds: Mapping[str, str]
    outputs: tuple[str, ...] = ()


def signature(graph: Graph) -> Signature | None:
    """Return what the file says of the program's inputs, None where it says nothing."""
    text = graph.metadata.get(_SIGNATURE)
    if not text:
        return None
    tensors, kinds = {}, {}
    inputs = iter(graph.inputs)
    taken, _, given = text.partition("# outputs")
    for name, kind, target in _PLACEHOLDER.findall(taken):
        if kind == "USER_INPUT":
            tensors[name] = next(inputs, name)
        elif target:
            tensors[name] = target
            kinds[target] = kind
    outputs = tuple(name for name, _, _ in _PLACEHOLDER.findall(given))
    return Signature(tensors, kinds, outputs)


def _split(text: str) -> list[str]:
    """Split at the commas that are not inside brackets."""
    parts, depth, start = [], 0, 0
    for index, letter in enumerate(text):
        if letter in _OPENING:
            depth += 1
        elif letter in _CLOSING:
            depth -= 1
        elif letter == "," and depth == 0:
            parts.append(text[start:index].strip())
            start = index + 1
    parts.append(text[start:].strip())
    return [part for part in parts if part]
