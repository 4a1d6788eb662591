"""Roofline model: the time of each operator, limited by arithmetic or by memory bandwidth."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property
from math import ceil

from msgspec import Struct

from archlint.analysis.amount import Amount, Unknown, merged
from archlint.analysis.compute.traffic import Traffic, Work
from archlint.devices.device import Device

# The fraction of the vendors' figures that a single kernel reaches. Project choices, compared with
# published training throughput of ResNet-50 on two GPUs, in two number formats each.
COMPUTE_EFFICIENCY = 0.7
BANDWIDTH_EFFICIENCY = 0.8

NANOSECONDS = 10**9


class OperatorTime(Struct, frozen=True):
    """The time of one operator in one pass, in seconds, at the stated efficiency.

    `least` is that of the arithmetic alone at the full peak: no operator is faster.
    """

    work: Work
    least: float
    compute: float
    memory: float

    @property
    def seconds(self) -> float:
        """The longer of arithmetic and memory time, which overlap."""
        return max(self.compute, self.memory)

    @property
    def memory_bound(self) -> bool:
        """Whether the operator waits for its memory: it is below the ridge of the roofline."""
        return self.memory > self.compute


class StepTime(Struct, frozen=True, dict=True):
    """The time of a step by the roofline model (Williams, Waterman and Patterson 2009).

    An operator takes the longer of FLOP / (efficiency * peak) and bytes / (efficiency * bandwidth);
    a step is the sum over its operators. Launch latency, communication and the loading of data are
    not in it. `precision` is that of the training, `device` None where none is given.
    """

    traffic: Traffic
    precision: str
    device: Device | None

    @cached_property
    def operators(self) -> tuple[OperatorTime, ...]:
        """The time of everything in a step whose work is known, in order."""
        times = (self._time(work) for work in self.traffic.works)
        return tuple(each for each in times if each is not None)

    @cached_property
    def nanoseconds(self) -> Amount:
        """From the arithmetic alone at the full peak to the estimate, in nanoseconds."""
        low = sum(each.least for each in self.operators)
        return Amount(
            int(low * NANOSECONDS),
            ceil(self.seconds * NANOSECONDS),
            merged(self._missing, self.traffic.unknown),
        )

    @property
    def seconds(self) -> float:
        """The estimate at the stated efficiency; of what is known where the rest is not."""
        return _seconds(self.operators)

    @cached_property
    def memory_bound_share(self) -> float:
        """The fraction of the estimate in which operators wait for memory, between 0 and 1."""
        return _seconds(each for each in self.operators if each.memory_bound) / (
            _seconds(self.operators) or 1.0
        )

    @property
    def _missing(self) -> tuple[Unknown, ...]:
        """Figures without which there is no estimate."""
        if self.device is None:
            return (Unknown("", "device", "no device is given"),)
        name = self.device.name
        if self.device.bandwidth_bytes_per_s is None:
            return (Unknown("", "device", f"the memory bandwidth of {name} is not known"),)
        formats = dict.fromkeys(
            self._formats(work)[0] for work in self.traffic.works if self._peak(work) is None
        )
        return tuple(
            Unknown("", "device", f"the {each} operations per second of {name} are not known")
            for each in formats
        )

    def _time(self, work: Work) -> OperatorTime | None:
        """Return the time of some work, None where the device has no figures for it."""
        peak = self._peak(work)
        if self.device is None or self.device.bandwidth_bytes_per_s is None or peak is None:
            return None
        usual, best = peak
        bandwidth = self.device.bandwidth_bytes_per_s.value
        return OperatorTime(
            work,
            work.flops / best,
            work.flops / (COMPUTE_EFFICIENCY * usual),
            work.nbytes / (BANDWIDTH_EFFICIENCY * bandwidth),
        )

    def _peak(self, work: Work) -> tuple[int, int] | None:
        """Return the usual and the best operations a second; any for work without products."""
        if not work.flops:
            return 1, 1
        peaks = self.device.peak_ops if self.device is not None else {}
        known = [peaks[name].value for name in self._formats(work) if name in peaks]
        first = peaks.get(self._formats(work)[0])
        if first is None:
            return None
        return first.value, max(known)

    def _formats(self, work: Work) -> tuple[str, ...]:
        """Return the format in which work is computed, and faster formats that may be used.

        PyTorch uses TF32 for convolutions in fp32 by default, and for other products on request.
        """
        if work.number_format is not None:
            return (work.number_format,)
        if self.precision != "fp32":
            return (self.precision.removesuffix("-mixed"),)
        peaks = self.device.peak_ops if self.device is not None else {}
        if work.slides and "tf32" in peaks:
            return ("tf32",)
        return ("fp32", "tf32")


def _seconds(times: Iterable[OperatorTime]) -> float:
    return sum(each.seconds for each in times)
