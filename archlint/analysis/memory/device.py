"""A training step's memory on its device: the framework's tensors, plus named reserves."""

from __future__ import annotations

from functools import cached_property
from math import ceil

from msgspec import Struct

from archlint.analysis.amount import Amount
from archlint.devices.device import Device
from archlint.target import Reserves

_MIB = 2**20

# For a process on a discrete GPU, meant to cover nine of ten runs. The context after the first
# calls of cuBLAS and cuDNN took 135 MiB on a T4, and takes up to 500 MiB with all kernels loaded.
_CONTEXT = (135 * _MIB, 500 * _MIB)
# What an allocator holds beyond live tensors, by rounding and fragmentation: between 3.8 % and
# 12.5 % over seven published runs on an RTX 3060 and eight on a T4.
_ALLOCATOR = (0.038, 0.125)
# Workspace of convolutions: at least none; the library selects the algorithms at run time.
_WORKSPACE_BYTES, _WORKSPACE_SHARE = 256 * _MIB, 0.05


class DeviceMemory(Struct, frozen=True, dict=True):
    """The memory of a device that a training step takes.

    `peak` is that of the framework, in live tensors, and `convolved` the bytes that convolutions
    read and write in a forward pass, None where there are none. Reserves that the user states are
    exact. Where a usable fraction is stated, or is all that is known of a kind of device, it leaves
    room for the reserves, and only those are counted that the user states besides.
    """

    peak: Amount
    convolved: int | None
    device: Device
    stated: Reserves

    @cached_property
    def reserves(self) -> dict[str, Amount]:
        """Bytes of each reserve by name, without those that are zero."""
        reserves = {
            "context": self._context,
            "allocator": self._allocator,
            "convolution workspace": self._workspace,
            "other processes": Amount.exact(self.stated.other),
        }
        return {name: amount for name, amount in reserves.items() if amount.high}

    @property
    def total(self) -> Amount:
        """The peak with all reserves."""
        return sum(self.reserves.values(), start=self.peak)

    @property
    def limit(self) -> int | None:
        """The available bytes; None where the memory of the device is not known."""
        return self.device.training_memory_bytes

    @property
    def _context(self) -> Amount:
        return self._stated(self.stated.context, _CONTEXT)

    @property
    def _allocator(self) -> Amount:
        low, high = _ALLOCATOR if self.device.has_reserves else (0.0, 0.0)
        if self.stated.allocator is not None:
            low = high = self.stated.allocator
        return Amount(ceil(self.peak.low * low), ceil(self.peak.high * high))

    @property
    def _workspace(self) -> Amount:
        if self.convolved is None:
            return self._stated(self.stated.workspace, (0, 0))
        share = ceil(self.convolved * _WORKSPACE_SHARE)
        return self._stated(self.stated.workspace, (0, max(_WORKSPACE_BYTES, share)))

    def _stated(self, stated: int | None, default: tuple[int, int]) -> Amount:
        """Return the stated reserve, or the default unless a usable fraction covers it."""
        if stated is not None:
            return Amount.exact(stated)
        return Amount(*default) if self.device.has_reserves else Amount()
