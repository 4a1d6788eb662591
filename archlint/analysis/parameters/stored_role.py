"""Decides whether one stored tensor is a parameter, a buffer or a constant."""

from __future__ import annotations

import enum
from functools import cached_property
from typing import TYPE_CHECKING

from msgspec import Struct

from archlint.analysis.parameters.customary_names import (
    is_customary_buffer,
    is_customary_table,
    is_of_creation,
)
from archlint.analysis.parameters.lineage import Lineage, Use
from archlint.frontends.properties import BUFFER, INITIALIZER
from archlint.graph.generated_names import is_folded_name, is_generated_name
from archlint.graph.node import Node
from archlint.graph.value import Value
from archlint.ops.masking import adds_to_scores
from archlint.ops.operator import Operator
from archlint.ops.selection import Selection
from archlint.ops.storage import Layout
from archlint.ops.weight_origin import WeightOrigin

if TYPE_CHECKING:
    from archlint.graph.program.signature import Signature

_AFFINE = frozenset({"weight", "bias"})


class StoredRole(enum.Enum):
    """The role of a stored tensor in training."""

    PARAMETER = "parameter"
    BUFFER = "buffer"
    NUMBER = "number"


_SIGNATURE_ROLES = {"PARAMETER": StoredRole.PARAMETER, "BUFFER": StoredRole.BUFFER}


class StoredRoles(Struct, frozen=True, dict=True):
    """The roles of the stored tensors of a graph.

    The signature of torch.export states them. In other files of PyTorch parameters and buffers have
    their names, and other constants generated ones, so that a named float tensor that affects an
    output is a parameter, unless it is a customary buffer such as a table of positions. Elsewhere,
    the input slot in which a tensor is used decides. `is_restored` means that changes by an export
    for inference have been undone.
    """

    lineage: Lineage
    is_restored: bool = False

    def of(self, name: str) -> StoredRole:
        """Return the role of a stored tensor."""
        graph = self.lineage.graph
        value, uses = graph.values[name], self.lineage.uses[name]
        if value.sizes is None:  # it is computed for each size of an input
            return StoredRole.NUMBER
        weight = graph.weights.get(name)
        if weight is not None and BUFFER in weight.metadata:
            return StoredRole.BUFFER
        if weight is not None and INITIALIZER in weight.metadata:
            return StoredRole.PARAMETER
        told = self._signature is not None and weight is not None and self._of_program(name)
        if told:
            return told
        if weight is not None and self._keeps_names and not is_generated_name(name):
            return self._of_named(value, uses)
        return self._of_used(value, uses)

    @cached_property
    def _signature(self) -> Signature | None:
        from archlint.graph.program.signature import signature

        return signature(self.lineage.graph)

    def _of_program(self, name: str) -> StoredRole | None:
        """Return the role of a stored tensor in an exported program, None where it may be any."""
        kinds = {} if self._signature is None else self._signature.kinds
        if name in kinds:
            return _SIGNATURE_ROLES.get(kinds[name], StoredRole.NUMBER)
        return None if self._may_be_folded(name) else StoredRole.NUMBER

    def _may_be_folded(self, name: str) -> bool:
        """Whether a tensor that the program does not name may be folded from a parameter.

        Newer files record what it was folded from. In others it has the name of the call that
        created it, such as a slice of a table of positions or a repeated token. Masks and tables of
        cosines are created from constants. In a restored graph, folded tensors are computed from
        their parameters again.
        """
        if self._signature is not None:
            from archlint.graph.program.origin import origin_of

            origin = origin_of(self.lineage.graph, name, self._signature)
            if origin is not None and not origin.parameters:
                return False
        if not self._has_absent_parameters or is_of_creation(name):
            return False
        return not (self.is_restored and is_folded_name(name))

    @cached_property
    def _has_absent_parameters(self) -> bool:
        """Whether parameters of the program are neither in the file nor tied to one that is."""
        from archlint.ops.restored.tied_weights import is_tied

        graph, kinds = self.lineage.graph, {} if self._signature is None else self._signature.kinds
        parameters = [name for name, kind in kinds.items() if kind == "PARAMETER"]
        absent = [name for name in parameters if name not in graph.weights]
        uses = (self.lineage.uses.get(name, ()) for name in parameters)
        return len(absent) > sum(is_tied(use.reader for use in each) for each in uses)

    @property
    def _keeps_names(self) -> bool:
        return self.lineage.graph.is_from_pytorch

    @cached_property
    def _names_parameters(self) -> bool:
        """Whether the file has parameters under their own names.

        Then unnamed tensors that the graph creates, such as literals or ones, are not parameters.
        """
        return self._keeps_names and not all(map(is_generated_name, self.lineage.graph.weights))

    def _of_named(self, value: Value, uses: tuple[Use, ...]) -> StoredRole:
        """Return the role of a tensor that has its name in the framework's state dictionary."""
        by_use = self._of_used(value, uses)
        if value.dtype is None or not value.dtype.is_float:  # a quantized weight, or a buffer
            return by_use if by_use is StoredRole.PARAMETER else StoredRole.BUFFER
        if by_use is StoredRole.BUFFER or is_customary_buffer(value.name):
            return StoredRole.BUFFER
        if self._is_of_written_norm(value.name):
            return StoredRole.BUFFER
        if uses and not any(self._may_learn(use) for use in uses):
            return StoredRole.BUFFER
        # A table of sines is longer than any input, so that only a slice of it is used.
        if is_customary_table(value.name) and self._is_cut(value.name):
            return StoredRole.BUFFER
        return StoredRole.PARAMETER

    def _is_of_written_norm(self, name: str) -> bool:
        """Whether a tensor belongs to a batch norm written out with its stored statistics.

        Nobody writes out one that is trained so: all that it has are buffers.
        """
        module, _, own = name.rpartition(".")
        statistic = f"{module}.running_var"
        if own not in _AFFINE or statistic not in self.lineage.graph.weights:
            return False
        operators = (self.lineage.operators.of(use.reader) for use in self.lineage.uses[statistic])
        return not any(operator is not None and operator.buffers for operator in operators)

    def _may_learn(self, use: Use) -> bool:
        """Whether a use of a tensor may return a gradient, unlike a comparison."""
        operator = self.lineage.operators.of(use.reader)
        if operator is not None and not operator.differentiable:
            return not operator.reads_contents
        read = None if use.inner else self.lineage.graph.values.get(use.reader.inputs[use.slot])
        return read is None or read.dtype is None or read.dtype.is_float

    def _of_used(self, value: Value, uses: tuple[Use, ...]) -> StoredRole:
        """Return the role that the operators give to a tensor which is used in their slots."""
        if self._is_mask(value, uses):
            return StoredRole.BUFFER
        role = StoredRole.NUMBER
        for use in uses:
            own = self._of_use(value, use)
            if own is StoredRole.PARAMETER:
                return own
            if own is StoredRole.BUFFER:
                role = own
        return role

    def _of_use(self, value: Value, use: Use) -> StoredRole:
        operator = self.lineage.operators.of(use.reader)
        if operator is None or value.dtype is None:
            return StoredRole.NUMBER
        if use.slot in operator.buffers:
            return StoredRole.BUFFER
        if use.slot not in operator.weights or not self._can_learn(value, operator):
            return StoredRole.NUMBER
        return StoredRole.PARAMETER

    def _can_learn(self, value: Value, operator: Operator) -> bool:
        """Whether a tensor in a weight slot is a parameter and not a constant of a formula."""
        if value.dtype is None:
            return False
        maker = self.lineage.graph.producers.get(value.name)
        is_literal = maker is not None and self._is_literal(maker)
        if maker is not None and self._names_parameters and is_generated_name(value.name):
            return False
        if operator.storage.layout is not Layout.FOLLOWS:
            return value.dtype.is_float or value.dtype.bits <= 8
        is_made = maker is not None and (self._keeps_names or not is_literal)
        is_number = value.elements is not None and value.elements <= 1
        is_number = is_number and operator.scalars_are_constants
        return value.dtype.is_float and not is_number and not is_made

    def _is_cut(self, name: str) -> bool:
        users = self.lineage.graph.consumers.get(name, ())
        entries = [self.lineage.operators.of(user) for user in users]
        return bool(users) and all(
            entry is not None and entry.selection is Selection.PART for entry in entries
        )

    def _is_literal(self, node: Node) -> bool:
        operator = self.lineage.operators.of(node)
        return operator is not None and operator.origin is WeightOrigin.LITERAL

    def _is_mask(self, value: Value, uses: tuple[Use, ...]) -> bool:
        """Whether a square table is added to the scores of attention, the same for all heads."""
        shape = value.sizes or ()
        square = len(shape) >= 2 and shape[-1] == shape[-2] and set(shape[:-2]) <= {1}
        graph = self.lineage.graph
        return square and bool(uses) and all(adds_to_scores(use.reader, graph) for use in uses)
