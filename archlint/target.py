"""What a model is for: device, training settings, requirements."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

_EMPTY: Mapping[str, int] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Sourced:
    """A number of a device, with where it was read."""

    value: int
    source: str


@dataclass(frozen=True, slots=True)
class Device:
    """A device that a model trains or runs on; None where no source gives the number.

    `memory_bytes` is what the vendor prints; `usable_fraction` of it can be had by one process.
    `peak_ops` is dense operations a second by number format, 2 a multiply-accumulate.
    """

    name: str
    kind: str                                     # gpu, tpu, asic, soc, edge-soc, sbc, npu, mcu
    vendor: str = ""
    memory_bytes: Sourced | None = None
    bandwidth_bytes_per_s: Sourced | None = None
    peak_ops: Mapping[str, Sourced] = field(default_factory=dict, hash=False)
    usable_fraction: float = 0.9
    flash_bytes: Sourced | None = None
    largest_contiguous_sram_bytes: Sourced | None = None
    grade: str = ""
    notes: str = ""


@dataclass(frozen=True, slots=True)
class Training:
    """How the model is trained. None where the user said nothing and no default is safe."""

    optimizer: str | None = None
    precision: str = "fp32"
    loss: str | None = None                       # cross-entropy, mse, none
    input_gradient: bool = False
    learning_rate: float | None = None
    momentum: float | None = None
    weight_decay: float | None = None
    epsilon: float | None = None
    steps: int | None = None


@dataclass(frozen=True, slots=True)
class Requirements:
    """What the user asks of the model; a rule is silent where its requirement is None."""

    receptive_field: int | Mapping[str, int] | None = field(default=None, hash=False)
    inference_memory: int | None = None           # bytes
    training_memory: int | None = None            # bytes
    weights: int | None = None                    # bytes
    step_flops: int | None = None                 # FLOP
    step_time: float | None = None                # seconds


@dataclass(frozen=True, slots=True)
class Target:
    """The device, the sizes, the training settings and the requirements of one model.

    `dims` binds symbolic dimensions by name and unnamed ones as `INPUT.AXIS`.
    """

    device: Device | None = None
    batch_size: int | None = None
    dims: Mapping[str, int] = field(default_factory=lambda: _EMPTY, hash=False)
    training: Training = Training()
    require: Requirements = Requirements()
