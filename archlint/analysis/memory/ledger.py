"""Counts the bytes of live storages and their peak."""

from __future__ import annotations

from dataclasses import field

from archlint.record import record


@record(frozen=False)
class Ledger:
    """Storages with the number of things that hold each; one that nothing holds is freed.

    `now` is what is alive, in bytes, and `most` the largest it has been at a `mark`.
    """

    now: int = 0
    most: int = 0
    _held: dict[int, int] = field(default_factory=dict)
    _sizes: dict[int, int] = field(default_factory=dict)
    _next: int = 0

    def allocate(self, nbytes: int, holders: int = 1) -> int:
        """Return a new storage that `holders` things hold."""
        storage = self._next
        self._next += 1
        self._held[storage] = holders
        self._sizes[storage] = nbytes
        self.now += nbytes
        return storage

    def hold(self, storage: int) -> None:
        """Count one more holder."""
        self._held[storage] += 1

    def release(self, storage: int) -> None:
        """Count one holder less, and free the storage with the last one."""
        self._held[storage] -= 1
        if not self._held[storage]:
            self.now -= self._sizes[storage]

    def holders(self, storage: int) -> int:
        """Return how many things hold a storage."""
        return self._held[storage]

    def mark(self, transient: int = 0) -> None:
        """Take note of an instant, with what is alive for this instant alone."""
        self.most = max(self.most, self.now + transient)
