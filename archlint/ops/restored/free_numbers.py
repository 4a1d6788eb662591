"""The numbers of calls that are gone from a file, for the calls that are put back.

torch.export numbers the calls of an operator in the order of the program: `relu`, `relu_1`,
`relu_2`. If the file has no `relu_1`, a restored call of `relu` at that place takes the number.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Collection
from functools import cached_property

from msgspec import Struct, field

from archlint.graph.program.numbering import CallName, NumberedCall, Numbering

_AFTER_ALL = 10**6  # of numbers, where it is not known which are taken


class FreeNumbers(Struct, eq=False, dict=True):
    """The numbers of a file that no call has and no twin has taken.

    Twins of one call are not looked for in one row of numbers unless `in_rows`.
    """

    numbering: Numbering
    in_rows: bool = False
    _last: dict[str, int] = field(default_factory=dict)
    _given: dict[str, list[int]] = field(default_factory=dict)
    _refused: set[CallName] = field(default_factory=set)

    @property
    def are_left(self) -> bool:
        """Whether a number was left for being in a row with a twin, and nothing else took it."""
        return any(name.number in self._numbers.get(name.base, ()) for name in self._refused)

    def discard(self, name: CallName) -> None:
        """Take the number of a name that a call of the file gives, where it is free."""
        numbers = self._numbers.get(name.base, [])
        if name.number in numbers:
            numbers.remove(name.number)
            self._given.setdefault(name.base, []).append(name.number)

    def take(
        self, call: NumberedCall, place: int, others: Collection[CallName], end: int | None = None
    ) -> CallName | None:
        """Take the name of a call that is gone and may be a twin of `call`; None if none may.

        It came after the call and before what stands at `place`, and before number `end`. Of the
        calls in a row that are gone, none are equal, so that it is in no row with the `others` that
        are twins already. A number that a call of the file gives ends a row.
        """
        base, number = call.name.base, call.name.number
        if any(node.name in self.numbering.graph.inner for node in call.nodes):
            return None
        numbers, place_before = self._numbers.get(base, []), self.numbering.place_before
        before = bisect_left(numbers, place, key=lambda each: place_before(CallName(base, each)))
        if end is not None:
            before = min(before, bisect_left(numbers, end))
        name = CallName(base, numbers[before - 1]) if before else call.name
        if name.number <= number:
            return None
        if not self.in_rows and any(self._in_row(name, other) for other in others):
            self._refused.add(name)
            return None
        numbers.remove(name.number)
        return name

    def _in_row(self, name: CallName, other: CallName) -> bool:
        """Whether nothing that the file tells of was called between two calls of one name."""
        if self.numbering.place_before(name) != self.numbering.place_before(other):
            return False
        low, high = sorted((name.number, other.number))
        return not any(low < number < high for number in self._given.get(name.base, ()))

    def invent(self, base: str) -> CallName:
        """Return a name that no call of the file has."""
        self._last[base] = self._last.get(base, _AFTER_ALL) + 1
        return CallName(base, self._last[base])

    @cached_property
    def _numbers(self) -> dict[str, list[int]]:
        return {base: list(numbers) for base, numbers in self.numbering.gone.items()}
