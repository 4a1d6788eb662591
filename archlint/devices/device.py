"""A device that a model trains or runs on, with the source of each figure."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Mapping

# Project choices, not sourced: what the driver, the framework's context and the desktop leave of a
# discrete card, and the operating system of shared memory. SRAM is used completely.
USABLE_FRACTION: Mapping[str, float] = MappingProxyType(
    {
        "gpu": 0.90,
        "tpu": 0.90,
        "asic": 0.90,
        "soc": 0.75,
        "edge-soc": 0.75,
        "sbc": 0.75,
        "npu": 1.0,
        "mcu": 1.0,
    }
)
DEVICE_KINDS = tuple(USABLE_FRACTION)
_NO_PEAKS: Mapping[str, Sourced] = MappingProxyType({})
_WITHOUT_TRAINING = frozenset({"npu", "mcu"})
_STATIC_SHAPES = "static shapes"  # as a constraint of a device


class Sourced(Struct, frozen=True):
    """A figure of a device, its source, and how it was derived, if it was not read directly."""

    value: int
    source: str
    derived: str = ""


class Device(Struct, frozen=True):
    """A device that a model trains or runs on; a figure is None where no source gives it.

    `memory_bytes` is what the runtime reports, or else the vendor's figure. One process can use
    `usable_fraction` of it; where that is not stated, the reserves of a training step on a discrete
    GPU are counted by name instead. `peak_ops` is dense operations per second by number format,
    with 2 operations per multiply-accumulate.
    """

    name: str
    kind: str  # one of DEVICE_KINDS
    vendor: str = ""
    memory_bytes: Sourced | None = None  # device memory; SRAM of a microcontroller
    bandwidth_bytes_per_s: Sourced | None = None
    peak_ops: Mapping[str, Sourced] = _NO_PEAKS
    usable_fraction: float | None = None  # None: as for its kind
    dies: int = 1  # parts that show up as devices of their own, each with its part of the memory
    flash_bytes: Sourced | None = None
    largest_contiguous_sram_bytes: Sourced | None = None
    parameter_cache_bytes: Sourced | None = None  # on-chip memory for weights
    arena_cache_bytes: Sourced | None = None  # on-chip memory for activations
    dram_bandwidth_bytes_per_s: Sourced | None = None
    flash_bandwidth_bytes_per_s: Sourced | None = None
    clock_hz: Sourced | None = None
    constraints: tuple[str, ...] = ()  # what it refuses to run, in words
    grade: str = ""  # A, B or C: how good the sources are
    notes: str = ""

    @property
    def usable_memory_bytes(self) -> int | None:
        """Memory that one process can have, in bytes; None where the memory is not known."""
        memory = self.own_memory_bytes
        # In whole millionths, so that 0.9 of 40 GB is 36 GB to the byte.
        return None if memory is None else memory * round(self.fraction * 1_000_000) // 1_000_000

    @property
    def own_memory_bytes(self) -> int | None:
        """Memory of one die, in bytes; None where the memory is not known."""
        return None if self.memory_bytes is None else self.memory_bytes.value // self.dies

    @property
    def training_memory_bytes(self) -> int | None:
        """The bytes available to training; None where the memory is not known.

        Where reserves are listed by name, they are added to the amount, not subtracted here.
        """
        return self.own_memory_bytes if self.has_reserves else self.usable_memory_bytes

    @property
    def fraction(self) -> float:
        """The part of the memory that one process can have, as stated or as for the kind."""
        return USABLE_FRACTION[self.kind] if self.usable_fraction is None else self.usable_fraction

    @property
    def is_for_inference(self) -> bool:
        """Whether it runs what a compiler made for it, and trains nothing."""
        return self.kind in _WITHOUT_TRAINING

    @property
    def has_only_int8(self) -> bool:
        """Whether it runs nothing but integers of 8 bits, of what is known of its units."""
        return self.kind == "npu" and set(self.peak_ops) == {"int8"}

    @property
    def needs_fixed_shapes(self) -> bool:
        """Whether the sizes of all tensors must be known before anything runs."""
        return self.is_for_inference or _STATIC_SHAPES in self.constraints

    @property
    def has_reserves(self) -> bool:
        """Whether the memory of a training step beyond its tensors is listed by name."""
        return self.kind == "gpu" and self.usable_fraction is None
