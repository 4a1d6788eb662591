"""Weights and activations in the number format of the device they are deployed to."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from types import MappingProxyType

from msgspec import Struct

from archlint.analysis.amount import Amount
from archlint.analysis.memory.inference import InferenceMemory
from archlint.analysis.memory.layouts import Layouts
from archlint.analysis.memory.storage import Storages
from archlint.analysis.parameters.parameters import Parameter, Parameters
from archlint.analysis.training.gradients import GradientFlow
from archlint.graph.dtype import DType
from archlint.graph.node import Node
from archlint.ops.storage import Layout

_WIDTHS: Mapping[str, int] = MappingProxyType({"fp32": 4, "fp16": 2, "bf16": 2, "int8": 1})
_BIAS_BYTES = 4  # an 8-bit runtime adds biases in int32


class InPlaceStorages(Storages, frozen=True, dict=True):
    """Storages of a runtime that works in place: the lower bound of a runtime's memory.

    A pointwise operator overwrites an input that nothing uses later, and a normalization with
    stored statistics is fused with the operator before it.
    """

    def of(self, name: str) -> str:
        """Return the storage behind a tensor."""
        return self._merged.get(name) or super().of(name)

    @cached_property
    def _merged(self) -> dict[str, str]:
        merged: dict[str, str] = {}
        for node in self.graph.nodes:
            for name in node.outputs:
                own = super().of(name) if name else ""
                if own and own != name:  # a view follows its storage
                    merged[name] = merged.get(own, own)
            for source in self._overwritten(node):
                merged[node.output] = merged.get(source) or super().of(source)
        return merged

    def _overwritten(self, node: Node) -> tuple[str, ...]:
        """Return the operand that the result of `node` overwrites, if there is one."""
        operator = self.operators.of(node)
        if operator is None:
            return ()
        pointwise = operator.storage.layout is Layout.FOLLOWS
        normalizes = operator.storage.layout is Layout.CHANNELS and bool(operator.buffers)
        if not (pointwise or normalizes):
            return ()
        operands = node.inputs if pointwise else node.inputs[:1]
        return tuple(name for name in operands if self._is_last_use(name, node))[:1]

    def _is_last_use(self, name: str, node: Node) -> bool:
        """Whether an operand has the size of the result of `node` and is not used later."""
        if name not in self.graph.producers or name in self.graph.outputs:
            return False
        size = self.graph.values[name].nbytes
        same = size is not None and size == self.graph.values[node.output].nbytes
        return same and self.graph.consumers[name][-1] is node


class Deployment(Struct, frozen=True, dict=True):
    """The memory of a model on its device at inference, in the number format used there.

    `number_format` is None where weights and activations stay as the file has them. Only float32
    tensors change their width.
    """

    layouts: Layouts
    parameters: Parameters
    gradients: GradientFlow
    number_format: str | None = None

    @cached_property
    def weights(self) -> Amount:
        """Bytes of the weights.

        In 8 bits a vector is a bias in int32, or a scale that is folded into the weights before it:
        the upper bound counts four bytes for each, the lower bound nothing. Scales of quantization
        are not counted.
        """
        entries = (*self.parameters.every, *self.parameters.every_buffer)
        amounts = [self._bytes(entry) for entry in entries]
        return Amount(sum(low for low, _ in amounts), sum(high for _, high in amounts))

    @cached_property
    def activations(self) -> Amount:
        """Peak bytes of activations: in place, and with a tensor for each result."""
        low, high = (
            InferenceMemory(
                self.layouts.graph, storages(self.layouts, self._width), self.gradients
            ).peak
            for storages in (InPlaceStorages, Storages)
        )
        return Amount(min(low.low, high.low), high.high, high.unknown)

    @property
    def _width(self) -> int:
        return _WIDTHS[self.number_format or "fp32"]

    def _bytes(self, entry: Parameter) -> tuple[int, int]:
        stored = entry.value.nbytes or 0
        if self.number_format is None or entry.value.dtype is not DType.FLOAT32:
            return stored, stored
        count = entry.value.elements or 0
        is_vector = len(entry.value.shape or ()) < 2
        if self.number_format == "int8" and is_vector:
            return 0, _BIAS_BYTES * count
        return self._width * count, self._width * count
