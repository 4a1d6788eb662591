"""Work and memory traffic of each operator in a step."""

from __future__ import annotations

from functools import cached_property

from msgspec import Struct

from archlint.analysis.amount import Unknown, merged
from archlint.analysis.compute.compute import FLOPS_A_MAC, Compute
from archlint.analysis.memory.saved import Saved
from archlint.analysis.memory.training import TrainingMemory
from archlint.analysis.recognition.owners import owners
from archlint.graph.dtype import DType
from archlint.graph.node import Node
from archlint.ops.backward import Backward
from archlint.ops.call import Call
from archlint.ops.operator import FRAMEWORK
from archlint.ops.sliding import sliding_windows
from archlint.ops.undetermined import Undetermined

_FORMATS = {
    DType.INT8: "int8",
    DType.UINT8: "int8",
    DType.FLOAT16: "fp16",
    DType.BFLOAT16: "bf16",
    DType.FLOAT8E4M3FN: "fp8",
    DType.FLOAT8E5M2: "fp8",
}


class Work(Struct, frozen=True):
    """The FLOP of products and the bytes of one operator in one pass.

    `number_format` is that of its operands where the file says another than fp32; `slides` tells a
    convolution from other products.
    """

    node: str
    op: str
    stage: str  # forward, backward or optimizer
    flops: int
    nbytes: int
    number_format: str | None = None
    slides: bool = False


class _Products(Struct):
    """The products in the file that belong to one operator of the framework."""

    forward_macs: int = 0
    backward_macs: int = 0
    gradients: int = 0  # that are computed as products
    slides: bool = False


_NO_PRODUCTS = _Products()


class Traffic(Struct, frozen=True, dict=True):
    """The work of a step: forward, and backward with the optimizer where `trains`.

    Forward, an operator reads its inputs and writes its outputs once. Backward, it reads the
    gradient of its output once for each gradient that it computes as a product, and otherwise once;
    it reads its saved tensors, and writes the gradients of its inputs. Batch statistics need
    another pass over their tensor, in both directions. Views, and gradients that are passed on,
    move nothing. The optimizer reads weights, gradients and state, and writes weights and state.
    Nothing stays in a cache between operators. `memory` is about the operators that the framework
    ran, `compute` about those of the file.
    """

    compute: Compute
    saved: Saved
    memory: TrainingMemory
    trains: bool

    @cached_property
    def works(self) -> tuple[Work, ...]:
        """The work of every operator, in the order of a step; free ones are left out."""
        nodes = self.saved.graph.nodes
        works = [self._forward(node) for node in nodes]
        if self.trains:
            for segment in self.saved.segments:
                works += [self._forward(node) for node in self.saved.run_again(segment)]
            works += [self._backward(node) for node in reversed(nodes)]
            works *= self.compute.passes
            works.append(Work("", "optimizer", "optimizer", 0, self._update_bytes))
        return tuple(work for work in works if work.flops or work.nbytes)

    @property
    def convolved_bytes(self) -> int | None:
        """What convolutions move in a forward pass; None where there are none."""
        slides = [node for node in self.saved.graph.nodes if self._products_of(node).slides]
        return sum(self._forward(node).nbytes for node in slides) if slides else None

    @cached_property
    def unknown(self) -> tuple[Unknown, ...]:
        """Operators whose work is not known, and tensors whose size is not."""
        parts = [self.compute.forward_macs.unknown]
        reason = "the memory traffic inside it is not followed"
        inner = (node for node in self.saved.graph.nodes if node.name in self.saved.graph.inner)
        parts += [(Unknown(node.name, node.op, reason),) for node in inner]
        for node in self.saved.graph.nodes:
            for name in (*node.inputs, *node.outputs):
                try:
                    if name and not self._is_free(name):
                        self.saved.storages.nbytes(self.saved.storages.of(name))
                except Undetermined as reason:
                    parts.append((Unknown(node.name, node.op, str(reason)),))
        return merged(*parts)

    @cached_property
    def _owners(self) -> dict[str, str]:
        """The operator of the framework that each node of the file belongs to."""
        return owners(self.compute.graph, self.saved.graph, self.saved.operators)

    @cached_property
    def _products(self) -> dict[str, _Products]:
        """The products of the file's nodes, by the operator of the framework."""
        found: dict[str, _Products] = {}
        for node in self.compute.graph.nodes:
            measured = self.compute.of_node[node.name]
            if not measured.macs.high:
                continue
            products = found.setdefault(self._owners[node.name], _Products())
            flags = self.compute.gradients.of(node)
            products.forward_macs += measured.macs.high
            products.backward_macs += measured.backward_macs.high
            products.gradients += sum(flags[slot] for slot in range(len(node.inputs)))
            products.slides = products.slides or self._slides(node)
        return found

    def _forward(self, node: Node) -> Work:
        stored = self.saved.gradients.is_stored  # a weight, however the file describes it
        made = [
            name
            for name in node.outputs
            if name and self._storage(name) == name and not stored(name)
        ]
        moved = 0
        if made and node.inputs:
            written = sum(map(self._bytes, made))
            inputs = filter(None, node.inputs) if self.saved.operators.reads_contents(node) else ()
            read = {self._storage(name): self._bytes(name) for name in inputs}
            if self._looks_up(node):
                table = self._storage(node.inputs[0])
                read[table] = min(read[table], written)
            moved = sum(read.values()) + written + self._statistics_bytes(node, node.inputs[0])
        return self._work(node, "forward", self._products_of(node).forward_macs, moved)

    def _looks_up(self, node: Node) -> bool:
        """Whether an operator reads no more elements of its table than it writes."""
        operator = self.saved.operators.of(node)
        return operator is not None and operator.weights == (0,) and node.name not in self._products

    def _backward(self, node: Node) -> Work:
        flags = self.saved.gradients.of(node)
        operator = self.saved.operators.of(node)
        if not flags.needed or (operator is not None and not operator.differentiable):
            return Work(node.name, node.op, "backward", 0, 0)
        form = Backward.MAKES if operator is None else operator.backward
        output = self._bytes(node.output) if node.output else 0
        wanted = [name for slot, name in enumerate(node.inputs) if flags[slot]]
        moved = 0
        if form is Backward.MAKES or node.name in self._products:
            moved = self._bytes_of_gradients(node, output, wanted)
        elif form is Backward.PASSES:
            broadcast = [name for name in wanted if self._bytes(name) < output]
            moved = sum(output + self._bytes(name) for name in broadcast)
        return self._work(node, "backward", self._products_of(node).backward_macs, moved)

    def _bytes_of_gradients(self, node: Node, output: int, wanted: list[str]) -> int:
        """Return the traffic of an operator that computes the gradients `wanted` of its inputs."""
        kept = self.saved.of_node[node.name]
        is_fused = node.domain == FRAMEWORK  # one kernel makes all of its gradients
        times = 1 if is_fused else max(self._products_of(node).gradients, 1)
        read = times * output + kept.own.high + sum(map(self._bytes, kept.storages))
        read += self._stored_factors(node, wanted) + 2 * self._statistics_bytes(node, node.output)
        return read + sum(map(self._bytes, wanted))

    def _statistics_bytes(self, node: Node, name: str) -> int:
        """Return the bytes that are read again for batch statistics in training.

        Statistics are computed over the whole tensor before anything can be normalized.
        """
        has_statistics = any(each in self.memory.parameters.buffers for each in node.inputs)
        return self._bytes(name) if self.trains and has_statistics else 0

    def _stored_factors(self, node: Node, wanted: list[str]) -> int:
        """Return the bytes of weights that are read to compute the gradients of their operands."""
        if node.name not in self._products:
            return 0
        others = [name for name in wanted if not self.saved.gradients.is_stored(name)]
        stored = [name for name in node.inputs if name and self.saved.gradients.is_stored(name)]
        large = [name for name in stored if len(self.saved.graph.values[name].shape or ()) > 1]
        return sum(map(self._bytes, large)) if others else 0

    def _work(self, node: Node, stage: str, macs: int, moved: int) -> Work:
        return Work(
            node.name,
            node.op,
            stage,
            FLOPS_A_MAC * macs,
            moved,
            self._number_format(node),
            self._products_of(node).slides,
        )

    def _products_of(self, node: Node) -> _Products:
        return self._products.get(node.name, _NO_PRODUCTS)

    def _number_format(self, node: Node) -> str | None:
        first = self.saved.graph.values[node.inputs[0]] if node.inputs and node.inputs[0] else None
        return None if first is None or first.dtype is None else _FORMATS.get(first.dtype)

    def _slides(self, node: Node) -> bool:
        try:
            return bool(sliding_windows(Call(node, self.compute.graph)))
        except Undetermined:
            return False

    @property
    def _update_bytes(self) -> int:
        memory = self.memory
        return 2 * (memory.gradient_bytes + memory.state_bytes.low) + memory.gradient_bytes

    def _storage(self, name: str) -> str:
        return self.saved.storages.of(name)

    def _bytes(self, name: str) -> int:
        return 0 if self._is_free(name) else self.saved.storages.known_bytes(self._storage(name))

    def _is_free(self, name: str) -> bool:
        """Whether a tensor is computed before the step: a constant of a formula, a shape."""
        return name in self.saved.graph.constants
