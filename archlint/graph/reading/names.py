"""Makes names of nodes unique."""

from __future__ import annotations


class Names:
    """Names in use; a second node with the same name gets a number."""

    def __init__(self) -> None:
        self._next: dict[str, int] = {}

    def unique(self, name: str) -> str:
        """Return `name`, or where it is taken `name_1`, `name_2`, ..."""
        taken = self._next
        if name not in taken:
            taken[name] = 1
            return name
        number = taken[name]
        while (candidate := f"{name}_{number}") in taken:
            number += 1
        taken[name] = number + 1
        taken[candidate] = 1
        return candidate
