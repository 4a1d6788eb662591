"""Which tensors autograd saves for the backward pass."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from functools import cache, cached_property

from msgspec import Struct
from msgspec.structs import replace

from archlint.analysis.amount import Amount, Unknown, merged, total
from archlint.analysis.memory.storage import Storages
from archlint.analysis.recognition.custom_functions import CustomFunctions
from archlint.analysis.training.checkpointing import Segment
from archlint.analysis.training.gradients import GradientFlow
from archlint.graph.graph import Graph
from archlint.graph.node import Node
from archlint.ops.call import Call
from archlint.ops.operator import Operator
from archlint.ops.registry import Operators
from archlint.ops.saved import SavedTensors
from archlint.ops.undetermined import Undetermined


class NodeSaved(Struct, frozen=True):
    """What one node saves: storages of existing tensors, and the other fields of `SavedTensors`.

    A storage that several nodes save counts once. Where it is open which of two calls a node
    was, `otherwise` is what the other one keeps; its bytes are in `own` in the end.
    """

    storages: tuple[str, ...] = ()
    own: Amount = Amount()
    transient: int = 0
    forward_transient: int = 0
    transient_after: int | None = None
    rewritten: Amount = Amount()
    unknown: tuple[Unknown, ...] = ()
    depends_on: str = ""
    beside_others: bool = False
    otherwise: NodeSaved | None = None

    @property
    def keeps(self) -> bool:
        """Whether anything is saved, or may be."""
        return bool(self.storages or self.own.high or self.unknown)


class Saved(Struct, frozen=True, dict=True):
    """The storages that autograd keeps alive between the forward and the backward pass.

    A storage counts once, with the first operator that saves it. Parameters and buffers need no
    further memory. The model's own input counts where it is saved; what the loss saves does not.
    `graph` is the graph of the operators that the framework ran. Where the file leaves open what
    was run, `upper` is what is saved with all layers that it may hide, and `lower` with all weights
    frozen that may be. `cached` are tensors that live until the end of the forward pass, saved or
    not, and `reasons` says why number formats are not known. `segments` are the checkpointed parts:
    each saves its inputs, and nothing else.
    """

    graph: Graph
    operators: Operators
    gradients: GradientFlow
    storages: Storages
    upper: Saved | None = None
    cached: tuple[str, ...] = ()
    reasons: tuple[str, ...] = ()
    segments: tuple[Segment, ...] = ()
    lower: Saved | None = None

    @cached_property
    def of_node(self) -> dict[str, NodeSaved]:
        """What each node saves when it runs with autograd, by node name."""
        kept: dict[str, NodeSaved] = {}
        for node in self.graph.nodes:
            kept[node.name] = self._keep(node, kept)
        doubtful = [name for name, each in kept.items() if each.beside_others or each.otherwise]
        if doubtful:
            holders = Counter(storage for each in kept.values() for storage in each.storages)
            kept.update((name, self._settled(kept[name], holders)) for name in doubtful)
        return kept

    def _settled(self, saved: NodeSaved, holders: Mapping[str, int]) -> NodeSaved:
        """Return what a node keeps where that depends on what others keep."""
        if saved.beside_others and all(holders[storage] == 1 for storage in saved.storages):
            return replace(saved, own=Amount.exact(saved.own.low))
        if saved.otherwise is None:
            return saved
        alone = (each for each in saved.otherwise.storages if not holders[each])
        other = saved.otherwise.own.low + sum(map(self.storages.known_bytes, alone))
        either = Amount(min(saved.own.low, other), max(saved.own.high, other))
        return replace(saved, own=either)

    @cached_property
    def held(self) -> dict[str, NodeSaved]:
        """What is saved from the forward to the backward pass, by the node that saves it.

        The inputs of a checkpointed part are saved with its first node.
        """
        if not self.segments:
            return self.of_node
        held = dict(self.of_node)
        for segment in self.segments:
            parts = [held[node.name] for node in segment.nodes]
            unknown = merged(*(part.unknown for part in parts))
            held.update((node.name, NodeSaved()) for node in segment.nodes)
            if any(part.keeps for part in parts):
                read = self._not_free(self.storages.of(name) for name in segment.inputs)
                held[segment.nodes[0].name] = NodeSaved(read, unknown=unknown)
        return held

    @cached_property
    def total(self) -> Amount:
        """Saved bytes of the whole graph."""
        own = self.own_total
        if self.upper is not None:
            own = own.reaching(self.upper.total)
        return own if self.lower is None else own.down_to(self.lower.total)

    @cached_property
    def own_total(self) -> Amount:
        """Saved bytes of the graph without the layers that the file may hide."""
        return total(self.bytes_of(node.name) for node in self.graph.nodes)

    @property
    def bounded(self) -> tuple[tuple[str, str], ...]:
        """The operators whose saved bytes are an interval, and on what they depend."""
        kept = ((node.op, self.of_node[node.name]) for node in self.graph.nodes)
        return tuple(
            dict.fromkeys(
                (op, each.depends_on) for op, each in kept if each.own.low != each.own.high
            )
        )

    @property
    def rewriting(self) -> tuple[str, ...]:
        """The operators whose backward pass needs more memory where they are computed in place."""
        saved = ((node.op, self.of_node[node.name].rewritten) for node in self.graph.nodes)
        return tuple(dict.fromkeys(op for op, bytes_ in saved if bytes_.low != bytes_.high))

    @cached_property
    def perhaps_in_place(self) -> frozenset[str]:
        """The nodes that save their output if they are computed in place, and else their input."""
        return frozenset(
            name
            for name, each in self.of_node.items()
            if each.beside_others and each.own.low == each.own.high
        )

    def run_again(self, segment: Segment) -> tuple[Node, ...]:
        """Return the nodes of a checkpointed part that the backward pass recomputes.

        Recomputation ends after the last saved tensor (PyTorch stops early): the inputs that the
        last node saves exist before it runs.
        """
        keepers = [at for at, node in enumerate(segment.nodes) if self.of_node[node.name].keeps]
        if not keepers:
            return ()
        last = segment.nodes[keepers[-1]]
        kept = self.of_node[last.name]
        is_needed = kept.own.high or kept.unknown or not set(last.outputs).isdisjoint(kept.storages)
        return segment.nodes[: keepers[-1] + bool(is_needed)]

    def bytes_of(self, node: str) -> Amount:
        """Return the bytes that a node is the first to save; none for a part of a composite."""
        saved = self.held.get(node)
        if saved is None:
            return Amount()
        shared = sum(map(self.storages.known_bytes, self._counted.get(node, ())))
        return Amount(saved.own.low + shared, saved.own.high + shared, saved.unknown)

    @cached_property
    def _counted(self) -> dict[str, list[str]]:
        """The storages that each node is the first to save, by node name."""
        seen: set[str] = set()
        counted: dict[str, list[str]] = {}
        for name, saved in self.held.items():
            for storage in saved.storages:
                if storage not in seen:
                    seen.add(storage)
                    counted.setdefault(name, []).append(storage)
        return counted

    def _keep(self, node: Node, before: Mapping[str, NodeSaved]) -> NodeSaved:
        """Return what a node saves; `before` has that of the nodes before it."""
        operator = self.operators.of(node)
        if operator is None and self.gradients.enters(node):
            return _unknown(node, "what it saves inside for the backward pass is not followed")
        if not self.gradients.of(node).needed:
            return self._passed(node, operator)
        if operator is None:
            return _unknown(node, "the operator is not known")
        if not operator.differentiable:
            return NodeSaved()
        try:
            return self._kept(node, operator, before)
        except Undetermined as reason:
            return _unknown(node, str(reason))

    def _passed(self, node: Node, operator: Operator | None) -> NodeSaved:
        """Return the temporaries of a node that has no backward pass, such as a frozen one's."""
        if operator is None:
            return NodeSaved()
        try:
            kept = operator.saved(Call(node, self.graph), self.gradients.of(node))
        except Undetermined:
            return NodeSaved()
        return NodeSaved(forward_transient=kept.forward_transient)

    def _kept(self, node: Node, operator: Operator, before: Mapping[str, NodeSaved]) -> NodeSaved:
        """Return what a call of an operator saves; undetermined where a size is not known."""
        strides = tuple(self.storages.strides(name) if name else None for name in node.inputs)
        is_spare = bool(node.inputs) and self._is_spare(node.inputs[0], before)
        flags = replace(self.gradients.of(node), strides=strides, is_spare=is_spare)
        kept = operator.saved(Call(node, self.graph), flags)
        storages = self._storages(node, kept)
        if (kept.own or storages) and node.name in self._custom.inputs:
            return NodeSaved(self._sized(self._given(node)), transient=kept.transient)
        otherwise = None
        if kept.otherwise is not None:
            own = Amount.exact(kept.otherwise.own)
            otherwise = NodeSaved(self._storages(node, kept.otherwise), own)
        return NodeSaved(
            self._sized(storages),
            _amount(kept.own, kept.own_high),
            kept.transient,
            kept.forward_transient,
            kept.transient_after,
            _amount(kept.rewritten, kept.rewritten_high),
            depends_on=kept.depends_on,
            beside_others=kept.beside_others,
            otherwise=otherwise,
        )

    def _sized(self, storages: tuple[str, ...]) -> tuple[str, ...]:
        """Return storages, all of known size; undetermined where one is not."""
        for storage in storages:
            self.storages.nbytes(storage)
        return storages

    @cached_property
    def _custom(self) -> CustomFunctions:
        return CustomFunctions(self.graph)

    def _given(self, node: Node) -> tuple[str, ...]:
        """Return the float inputs of the custom function around a node."""
        dtypes = ((name, self.graph.values[name].dtype) for name in self._custom.inputs[node.name])
        return self._not_free(
            self.storages.of(name) for name, dtype in dtypes if dtype and dtype.is_float
        )

    def _is_spare(self, name: str, before: Mapping[str, NodeSaved]) -> bool:
        """Whether a tensor has a single consumer, and its producer does not save it.

        It may be a view of such a tensor, unless the same call creates several views.
        """
        maker = self.graph.producers.get(name)
        if maker is None or name in self.graph.outputs or len(self.graph.consumers[name]) != 1:
            return False
        storage, kept = self.storages.of(name), before.get(maker.name)
        if kept is None or storage in kept.storages:
            return False
        is_new = storage == name
        return is_new or (len(maker.outputs) == 1 and self._is_spare(maker.inputs[0], before))

    def _storages(self, node: Node, kept: SavedTensors) -> tuple[str, ...]:
        names = [node.inputs[slot] for slot in kept.inputs if node.inputs[slot]]
        names += [node.outputs[slot] for slot in kept.outputs]
        return self._not_free(self.storages.of(name) for name in names)

    def _not_free(self, storages: Iterable[str]) -> tuple[str, ...]:
        return tuple(dict.fromkeys(storage for storage in storages if not self.is_free(storage)))

    def made(self, node: Node) -> tuple[str, ...]:
        """Return the storages that a node allocates."""
        names = (name for name in node.outputs if name and self.storages.of(name) == name)
        return tuple(name for name in names if not self.is_free(name))

    @cached_property
    def unknown(self) -> tuple[Unknown, ...]:
        """Saved or allocated tensors of unknown size, which no moment of a step includes."""
        made = {node.name: self.made(node) for node in self.graph.nodes}
        return merged(self.total.unknown, self.storages.unknown(made))

    @cached_property
    def is_free(self) -> Callable[[str], bool]:
        """Whether saving a storage needs no memory: it is in the file, or a scalar constant."""
        return cache(self._is_free)

    def _is_free(self, storage: str) -> bool:
        if self.gradients.is_stored(storage):
            return True
        is_number = storage in self.graph.constants and self.graph.values[storage].elements == 1
        return is_number and storage not in self.gradients.needed


def _unknown(node: Node, reason: str) -> NodeSaved:
    return NodeSaved(unknown=(Unknown(node.name, node.op, reason),))


def _amount(low: int, high: int | None) -> Amount:
    """Return an amount whose upper end is the lower one where it is not stated."""
    return Amount(low, low if high is None else high)
