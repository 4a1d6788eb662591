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
    _refused: set[CallName] = field(default_factory=set)

    @property
    def are_left(self) -> bool:
        """Whether a number was left for being in a row with a twin, and nothing else took it."""
        return any(name.number in self._numbers.get(name.base, ()) for name in self._refused)

    def discard(self, name: CallName) -> None:
        """Take the number of a name, where it is free."""
        numbers = self._numbers.get(name.base, [])
        if name.number in numbers:
            numbers.remove(name.number)

    def take(self, call: NumberedCall, place: int, others: Collection[CallName]) -> CallName | None:
        """Take the name of a call that is gone and may be a twin of `call`; None if none may.

        It came after the call and before what stands at `place`. Of the calls in a row that are
        gone, none are equal, so that it is in no row with the `others` that are twins already.
        """
        base, number = call.name.base, call.name.number
        if any(node.name in self.numbering.graph.inner for node in call.nodes):
            return None
        numbers, place_before = self._numbers.get(base, ()), self.numbering.place_before
        end = bisect_left(numbers, place, key=lambda each: place_before(CallName(base, each)))
        name = CallName(base, numbers[end - 1]) if end else call.name
        if name.number <= number:
            return None
        in_row = any(place_before(other) == place_before(name) for other in others)
        if in_row and not self.in_rows:
            self._refused.add(name)
            return None
        self.discard(name)
        return name

    def invent(self, base: str) -> CallName:
        """Return a name that no call of the file has."""
        self._last[base] = self._last.get(base, _AFTER_ALL) + 1
        return CallName(base, self._last[base])

    @cached_property
    def _numbers(self) -> dict[str, list[int]]:
        return {base: list(numbers) for base, numbers in self.numbering.gone.items()}
