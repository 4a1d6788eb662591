"""What the names of the calls behind a folded tensor tell about sizes and memory.

The optimizer of torch.export notes which stored tensors and calls a tensor was computed from, in
alphabetic order: `['clone', 'expand', 'token']`. Neither the order of the calls is known, nor which
call takes what. So each answer here holds for every order: where all calls move elements, the
tensor is as large as the parameter; where one of them is a slice, the parameter may be larger.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from functools import cached_property

from msgspec import Struct

from archlint.graph.program.origin import Origin
from archlint.ops.composite.precomputed import ITSELF, PASSING, SAVED, SAVED_ROWS
from archlint.ops.restored.call_kinds import (
    ALL_VIEWS,
    ARITHMETIC,
    COMPARISONS,
    COPIES,
    CREATIONS,
    CUTTING_VIEWS,
    EXPANDING_VIEWS,
    JOINS,
    KEEPING_SIZE,
    LOOKUPS,
    MATRIX_PRODUCTS,
    NORMS,
    NUMBERS,
    OF_INPUT,
    OF_OUTPUT,
    OF_VECTORS,
    PRODUCTS,
    REDUCTIONS,
    REPEATS,
    SAVING_NOTHING,
    VIEWS,
)

_LARGEST_PASSING = 3
"""Tensors that the derivative of one call needs for a while: that of a power."""


class FoldedCalls(Struct, frozen=True, dict=True):
    """The calls that made one tensor of stored tensors.

    The tensor `is_inside` a call where the call takes the parameters themselves and the exporter
    rearranged them for its operators, as the gates of an LSTM: then no call made the tensor.
    """

    origin: Origin
    is_inside: bool = False

    @property
    def are_views(self) -> bool:
        """Whether the tensor lies in the storage of what it is made of."""
        return self._parameters + len(self._others) == 1 and self._all(ALL_VIEWS)

    @property
    def normalizes(self) -> bool:
        """Whether a tensor may be divided by its norm, after which it is as large as before."""
        return self._has(NORMS | OF_VECTORS) and self._has(frozenset({"div"}))

    @property
    def may_cut(self) -> bool:
        """Whether a parameter may have more elements than the tensor."""
        same = KEEPING_SIZE | EXPANDING_VIEWS | REPEATS | JOINS | ARITHMETIC
        return not self._all(same | self._restoring)

    @property
    def may_grow(self) -> bool:
        """Whether a parameter may have fewer elements than the tensor."""
        is_alone = self._parameters + len(self._others) == 1 and not self._has(CREATIONS)
        same = KEEPING_SIZE | CUTTING_VIEWS | REDUCTIONS | self._restoring
        return not self._all(same | ARITHMETIC if is_alone else same)

    @property
    def only_move(self) -> bool:
        """Whether each element of the tensor is an element of the parameter."""
        moves = CUTTING_VIEWS | EXPANDING_VIEWS | LOOKUPS | REPEATS
        return self._parameters == 1 and self._all(KEEPING_SIZE | moves | self._making_places)

    @property
    def only_repeat(self) -> bool:
        """Whether the tensor is the parameter, repeated."""
        return self._parameters == 1 and self._all(KEEPING_SIZE | EXPANDING_VIEWS | REPEATS)

    @property
    def only_join(self) -> bool:
        """Whether the tensor is its parameters side by side."""
        return not self._others and self._all(VIEWS | COPIES | JOINS)

    @property
    def only_copy(self) -> bool:
        """Whether the tensor is a stored one, or a part of it."""
        return self._all(VIEWS | COPIES | CUTTING_VIEWS)

    @property
    def looks_up_stored_places(self) -> bool:
        """Whether rows of a parameter are looked up by a stored index."""
        return bool(self._others) and self._all(KEEPING_SIZE | LOOKUPS | EXPANDING_VIEWS)

    @property
    def makes_places(self) -> bool:
        """Whether rows are looked up by an index that each pass makes anew."""
        return self._has(LOOKUPS) and self._has(CREATIONS)

    @property
    def expands_rows(self) -> bool:
        """Whether rows that were looked up and moved are there several times in a view."""
        moves = self._has(LOOKUPS) and self._has(frozenset({"permute", "transpose"}))
        return moves and self._has(EXPANDING_VIEWS) and not self._has(REPEATS)

    @property
    def least_memory(self) -> Mapping[str, int]:
        """What computing the tensor surely takes, as attributes of the operator that does it."""
        return {ITSELF: int(self._keeps_its_result), PASSING: int(self._results > 1)}

    @property
    def most_memory(self) -> Mapping[str, int]:
        """What computing the tensor may take at the most."""
        computes = self._has(PRODUCTS | OF_OUTPUT | OF_INPUT)
        return {
            ITSELF: int(self._keeps_its_result or self._may_keep_its_result),
            SAVED: self._saved_at_most,
            SAVED_ROWS: self._results - self._whole_results if self.normalizes else 0,
            PASSING: _LARGEST_PASSING if self._results > 1 and computes else int(self._results > 1),
        }

    @property
    def is_in_doubt(self) -> bool:
        """Whether the memory that the calls take does not follow from their names."""
        least, most = self.least_memory, self.most_memory
        return any(count > least.get(kind, 0) for kind, count in most.items())

    @property
    def _keeps_its_result(self) -> bool:
        """Whether the one call that makes a new tensor saves it."""
        return self._results == 1 and self._has(OF_OUTPUT)

    @property
    def _may_keep_its_result(self) -> bool:
        """Whether the last call may save the tensor, or is not known."""
        if self._works_out_places or self.normalizes:
            return False
        return not self._all(SAVING_NOTHING | PRODUCTS | OF_INPUT | MATRIX_PRODUCTS)

    @property
    def _saved_at_most(self) -> int:
        """How many results as large as the tensor may be saved besides the tensor itself."""
        if self._works_out_places:
            return 0
        if self.normalizes:
            return min(self._whole_results - 1, 2 * self._count(PRODUCTS))
        one = self._count(OF_OUTPUT | OF_INPUT)
        others = sum(self._calls.values()) - one - self._count(SAVING_NOTHING)
        return max(min(self._results - 1, one + 2 * others), 0)

    @property
    def _results(self) -> int:
        """How many calls make a new tensor."""
        return sum(self._calls.values()) - self._count(ALL_VIEWS | NUMBERS)

    @property
    def _whole_results(self) -> int:
        """How many results are as large as the tensor, where a norm is divided by.

        A power iteration does so with vectors as well.
        """
        of_vectors = self._count(NORMS) if self._has(OF_VECTORS) else 0
        return max(self._count(ARITHMETIC) - of_vectors, 1)

    @property
    def _works_out_places(self) -> bool:
        """Whether all that is computed is an index, of integers, for which nothing is saved."""
        return self.makes_places and self.only_move

    @property
    def _restoring(self) -> frozenset[str]:
        """The calls that belong to a normalization, after which a tensor is as large as before."""
        whole = NORMS | EXPANDING_VIEWS | REDUCTIONS | OF_VECTORS | ARITHMETIC
        return whole if self.normalizes else frozenset()

    @property
    def _making_places(self) -> frozenset[str]:
        return ARITHMETIC | CREATIONS | COMPARISONS if self.makes_places else frozenset()

    @property
    def _parameters(self) -> int:
        return len(self.origin.parameters)

    @property
    def _others(self) -> tuple[str, ...]:
        return () if self.is_inside else self.origin.others

    @cached_property
    def _calls(self) -> Mapping[str, int]:
        """How often each call is there; a buffer and a call may have the same name, `index`."""
        if self.is_inside:
            return Counter()
        hidden = [name for name in self._others if name in LOOKUPS]
        return Counter(call.removesuffix("_cast") for call in (*self.origin.calls, *hidden))

    def _count(self, names: frozenset[str]) -> int:
        return sum(count for name, count in self._calls.items() if name in names)

    def _has(self, names: frozenset[str]) -> bool:
        return not names.isdisjoint(self._calls)

    def _all(self, known: frozenset[str]) -> bool:
        return self._calls.keys() <= known
