"""Counts the bytes of live storages and their peak."""

from __future__ import annotations

from msgspec import Struct, field


class Ledger(Struct):
    """Storages with reference counts; one without references is freed.

    `now` is the number of live bytes, and `most` its maximum over all marks.
    """

    now: int = 0
    most: int = 0
    _held: dict[int, int] = field(default_factory=dict)
    _sizes: dict[int, int] = field(default_factory=dict)
    _next: int = 0

    def allocate(self, nbytes: int, holders: int = 1) -> int:
        """Return a new storage with `holders` references."""
        storage = self._next
        self._next += 1
        self._held[storage] = holders
        self._sizes[storage] = nbytes
        self.now += nbytes
        return storage

    def hold(self, storage: int) -> None:
        """Add a reference to a storage."""
        self._held[storage] += 1

    def release(self, storage: int) -> None:
        """Remove a reference, and free the storage with the last one."""
        self._held[storage] -= 1
        if not self._held[storage]:
            self.now -= self._sizes[storage]

    def holders(self, storage: int) -> int:
        """Return the number of references to a storage."""
        return self._held[storage]

    def mark(self, transient: int = 0) -> None:
        """Update the maximum, with bytes that are alive at this instant only."""
        self.most = max(self.most, self.now + transient)
