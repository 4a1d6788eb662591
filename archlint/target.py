"""What a model is for: device, training settings, requirements."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Mapping

    from archlint.devices.device import Device

_NO_DIMS: Mapping[str, int] = MappingProxyType({})

OPTIMIZERS = (
    "sgd",
    "sgd-momentum",
    "adam",
    "adamw",
    "adam-amsgrad",
    "adam-8bit",
    "rmsprop",
    "adagrad",
    "adadelta",
    "nadam",
    "adafactor",
    "lion",
)
PRECISIONS = ("fp32", "bf16-mixed", "fp16-mixed", "bf16", "fp16")
DEPLOYED_FORMATS = ("fp32", "fp16", "bf16", "int8")
LOSSES = ("cross-entropy", "mse", "none")
ATTENTION_KERNELS = ("flash", "efficient", "math")
DROPOUT_MASKS = ("bool", "float")
SHARDINGS = ("ddp", "zero-1", "zero-2", "zero-3", "fsdp")
OFFLOADS = ("optimizer", "parameters")
PRESENCE = ("present", "absent")
LOSS_SCALINGS = ("none", "static", "dynamic")
RUNTIMES = (
    "onnxruntime-coreml-mlprogram",
    "onnxruntime-coreml-neuralnetwork",
    "onnxruntime-nnapi",
)
WEIGHT_STATES = ("auto", "fresh", "trained")


class Checkpointing(Struct, frozen=True):
    """Which parts of a network save only their inputs and are recomputed in the backward pass.

    `modules` are patterns of module paths, each match one part. Without any, each run of `every`
    neighbouring blocks is one part.
    """

    every: int = 1
    modules: tuple[str, ...] = ()


class Training(Struct, frozen=True):
    """How the model is trained; None where nothing is stated and no default is safe."""

    optimizer: str | None = None  # one of OPTIMIZERS
    precision: str = "fp32"  # one of PRECISIONS
    loss: str | None = None  # one of LOSSES
    input_gradient: bool = False
    foreach: bool | None = None  # all parameters in one update; None: as on the device
    attention: str | None = None  # one of ATTENTION_KERNELS
    batch_norm: str | None = None  # one of PRESENCE: what an export for inference folded
    dropout: str | None = None  # one of PRESENCE: what an export for inference left out
    dropout_mask: str | None = None  # one of DROPOUT_MASKS; None: as on the device
    in_place: bool | None = None  # whether activations overwrite their input; None: not known
    checkpointing: Checkpointing | None = None
    accumulation_steps: int = 1  # forward and backward passes before an update
    clip_norm: float | None = None  # the largest norm of all gradients together
    ema: bool = False  # whether an averaged copy of the model is carried along
    master_weights: bool = False  # whether half-precision weights have a copy in fp32
    sharding: str | None = None  # one of SHARDINGS
    world_size: int = 1  # processes that train together, each on its own batch
    bucket_views: bool = False  # whether the gradients of DDP are views of its buckets
    offload: str | None = None  # one of OFFLOADS: what lies in the memory of the host
    frozen: tuple[str, ...] | None = None  # patterns of parameters that are not trained
    lora_rank: int | None = None  # of the adapters that are trained instead of the weights
    lora_targets: tuple[str, ...] = ()  # patterns of the layers that get one
    learning_rate: float | None = None
    momentum: float | None = None
    betas: tuple[float, float] | None = None  # of Adam and its relatives
    weight_decay: float | None = None
    epsilon: float | None = None
    steps: int | None = None
    warmup_steps: int | None = None
    loss_weight: float | None = None  # a factor on the whole loss
    loss_scaling: str | None = None  # one of LOSS_SCALINGS


class FieldNeed(Struct, frozen=True):
    """A receptive field that outputs must have, in input elements.

    An `output` or an `axis` of None stands for every one.
    """

    size: int
    output: str | None = None
    axis: int | None = None


class Requirements(Struct, frozen=True):
    """What the user requires of the model; a rule is silent where its requirement is None."""

    receptive_field: tuple[FieldNeed, ...] = ()
    sample_rate: float | None = None  # input elements in a second, to state a field as a time
    causal: bool | None = None  # whether no output may look ahead in time
    look_ahead: int | None = None  # input elements that outputs may look ahead
    time_axis: int | None = None  # of the inputs; None where the only extent is time
    inference_memory: int | None = None  # bytes
    training_memory: int | None = None  # bytes
    weights: int | None = None  # bytes
    step_flops: int | None = None  # FLOP
    step_time: float | None = None  # seconds

    @property
    def of_training(self) -> bool:
        """Whether any of them is about a training step."""
        limits = (self.training_memory, self.step_flops, self.step_time)
        return any(limit is not None for limit in limits)

    def receptive_field_of(self, output: str, axis: int | None) -> int | None:
        """Return the field that `output` needs along `axis`, in input elements, or None.

        The nearest statement counts: output and axis, then output, then axis, then all.
        """
        fitting = [
            need
            for need in self.receptive_field
            if need.output in {None, output} and need.axis in {None, axis}
        ]
        if not fitting:
            return None
        nearest = max(fitting, key=lambda need: (need.output is not None, need.axis is not None))
        return nearest.size


class Reserves(Struct, frozen=True):
    """Memory of a process on a device besides its tensors; None where it is not stated."""

    context: int | None = None  # bytes of the driver's context and of loaded kernels
    allocator: float | None = None  # what the allocator holds beyond live tensors, a part of them
    workspace: int | None = None  # bytes of the workspace of convolutions
    other: int = 0  # bytes that other processes take


class Declared(Struct, frozen=True):
    """Figures that are published about the model, to be compared with the computed ones."""

    parameters: int | None = None
    forward_flops: int | None = None  # FLOP of one sample, 2 a multiply-accumulate


class Target(Struct, frozen=True):
    """The device, the sizes, the training settings and the requirements of one model.

    `dims` binds symbolic dimensions by name and unnamed ones as `INPUT.AXIS`. `weights` says
    whether stored weights are freshly initialized: `fresh`, `trained`, or `auto` to look at them.
    """

    device: Device | None = None
    batch_size: int | None = None
    dims: Mapping[str, int] = _NO_DIMS
    weights: str = "auto"  # one of WEIGHT_STATES
    context_length: int | None = None  # tokens that generation keeps keys and values of
    deploy_dtype: str | None = None  # one of DEPLOYED_FORMATS; None is that of the file
    runtime: str | None = None  # one of RUNTIMES: what gives operators to an accelerator
    runtime_operators: tuple[str, ...] = ()  # of a runtime without a name here
    max_opset: int | None = None  # the newest that the runtime reads
    max_ir_version: int | None = None  # likewise
    training: Training = Training()
    require: Requirements = Requirements()
    declared: Declared = Declared()
    reserve: Reserves = Reserves()

    @property
    def on_gpu(self) -> bool:
        """Whether training runs on a GPU; without a device, it is taken to run on the CPU."""
        return self.device is not None and self.device.kind == "gpu"

    @property
    def deployed_format(self) -> str | None:
        """The number format that the model is deployed in, None for that of the file.

        Some accelerators run nothing but integers, whatever the file holds before it is compiled.
        """
        return self.deploy_dtype or ("int8" if self.device and self.device.has_only_int8 else None)

    @property
    def is_deployment(self) -> bool:
        """Whether the model is run as the file has it, and nothing says that it is trained."""
        if self.training.optimizer is not None or self.require.of_training:
            return False
        device = self.device
        return (
            self.deploy_dtype is not None
            or self.context_length is not None
            or self.require.inference_memory is not None
            or self.runtime is not None
            or bool(self.runtime_operators)
            or (device is not None and device.is_for_inference)
        )
