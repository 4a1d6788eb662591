"""How weights, gradients and optimizer state are split over data-parallel processes."""

from __future__ import annotations

from math import prod

from msgspec import Struct

from archlint.target import Training

# What each kind of sharding distributes over the processes; the rest is replicated.
_SPREAD = {
    "zero-1": frozenset({"state"}),
    "zero-2": frozenset({"state", "gradient"}),
    "zero-3": frozenset({"state", "gradient", "weight"}),
    "fsdp": frozenset({"state", "gradient", "weight"}),
}


class Sharding(Struct, frozen=True):
    """The shard of every tensor that one of `world` processes holds.

    ZeRO (Rajbhandari et al. 2020) splits each tensor into `world` equal parts. Where `by_rows`, as
    in PyTorch's `fully_shard`, a shard is whole rows of the first axis, and the first process has
    the largest.
    """

    spread: frozenset[str] = frozenset()
    world: int = 1
    by_rows: bool = False

    @classmethod
    def of(cls, training: Training) -> Sharding:
        """Return the sharding of a training setup."""
        spread = _SPREAD.get(training.sharding or "", frozenset())
        return cls(spread, training.world_size, training.sharding == "fsdp")

    def spreads(self, what: str) -> bool:
        """Whether `what` (weight, gradient or state) is sharded."""
        return self.world > 1 and what in self.spread

    def part(self, shape: tuple[int, ...], what: str) -> tuple[int, ...]:
        """Return the shape of the largest shard of a tensor."""
        if not self.spreads(what):
            return shape
        if self.by_rows and shape:
            return (-(-shape[0] // self.world), *shape[1:])
        return (-(-prod(shape) // self.world),)
