"""Every setting, in one place: adding one is a line here and a field in `archlint.target`."""

from __future__ import annotations

from archlint.config.checkpointing import Checkpointed
from archlint.config.kind import ByName, Choice, Flag, Quantity, Real, Several, Text, Whole
from archlint.config.look_ahead import LookAhead
from archlint.config.receptive_field import ReceptiveField
from archlint.config.setting import Setting, Table
from archlint.devices.device import DEVICE_KINDS
from archlint.quantity import (
    parse_bandwidth,
    parse_bytes,
    parse_count,
    parse_flops,
    parse_hertz,
    parse_operation_rate,
    parse_seconds,
)
from archlint.target import (
    ATTENTION_KERNELS,
    DEPLOYED_FORMATS,
    DROPOUT_MASKS,
    LOSS_SCALINGS,
    LOSSES,
    OFFLOADS,
    OPTIMIZERS,
    PRECISIONS,
    PRESENCE,
    RUNTIMES,
    SHARDINGS,
    WEIGHT_STATES,
)

# Read by building.py: the key gives the field, `training.batch-size` the field `batch_size`.
TARGET = Table.of(
    Setting("device", Text("the name of a device"), "The device, by its name."),
    Setting(
        "batch-size",
        Whole(1),
        "Samples per step on one device; binds the batch dimension.",
        also=("training.batch-size",),
    ),
    Setting(
        "dims",
        ByName(Whole(1)),
        "Sizes of symbolic dimensions, by name; INPUT.AXIS for an unnamed one, INPUT for a number.",
        also=("dim",),
    ),
    Setting(
        "context-length",
        Whole(1),
        "Tokens whose keys and values generation keeps in its cache.",
    ),
    Setting(
        "deploy-dtype",
        Choice(DEPLOYED_FORMATS),
        "Number format of weights and activations at inference on the device.",
    ),
    Setting(
        "runtime",
        Choice(RUNTIMES),
        "The runtime that gives operators to an accelerator, one of which the operators are known.",
    ),
    Setting(
        "runtime-operators",
        Several(Text("the name of an operator, or domain:operator")),
        "The operators of the accelerator, where its runtime is another.",
    ),
    Setting("max-opset", Whole(1), "Newest opset of ONNX that the runtime reads."),
    Setting("max-ir-version", Whole(1), "Newest IR version of ONNX files that the runtime reads."),
    Setting("weights", Choice(WEIGHT_STATES), "Whether stored weights are freshly initialized."),
    Setting(
        "training.optimizer",
        Choice(OPTIMIZERS),
        "The optimizer, which determines the size of its state.",
        also=("optimizer",),
    ),
    Setting(
        "training.precision",
        Choice(PRECISIONS),
        "Number format of weights and activations; mixed keeps the weights in fp32.",
        also=("precision",),
    ),
    Setting("training.loss", Choice(LOSSES), "The loss on the model's output."),
    Setting(
        "training.input-gradient",
        Flag(),
        "Whether the model's own input needs a gradient.",
        also=("input-gradient",),
    ),
    Setting(
        "training.foreach",
        Flag(),
        "Whether the optimizer updates all parameters at once, as it does on a GPU.",
    ),
    Setting(
        "training.attention",
        Choice(ATTENTION_KERNELS),
        "The attention kernel; efficient is the memory-efficient one, math saves the scores.",
    ),
    Setting(
        "training.dropout-mask",
        Choice(DROPOUT_MASKS),
        "Element type of the masks that dropout saves: bool on a GPU, float on a CPU.",
    ),
    Setting(
        "training.in-place",
        Flag(),
        "Whether ReLUs and ELUs overwrite their input where they can; few exports record it.",
    ),
    Setting(
        "training.checkpointing",
        Checkpointed(),
        "What the backward pass recomputes: segments of this many blocks, or named modules.",
    ),
    Setting(
        "training.accumulation-steps",
        Whole(1),
        "Passes over a batch of batch-size whose gradients are summed before an update.",
    ),
    Setting("training.clip-norm", Real(), "Gradients are clipped to this global norm."),
    Setting(
        "training.ema", Flag(), "Whether an exponential moving average of the weights is kept."
    ),
    Setting(
        "training.master-weights",
        Flag(),
        "Whether weights in half precision have a copy in fp32 that the optimizer updates.",
    ),
    Setting(
        "training.batch-norm",
        Choice(PRESENCE),
        "Whether an export for inference hides batch norms; present makes the answer exact.",
    ),
    Setting(
        "training.dropout",
        Choice(PRESENCE),
        "Whether an export for inference hides dropout.",
    ),
    Setting(
        "training.sharding",
        Choice(SHARDINGS),
        "How weights, gradients and states are sharded over the processes that train together.",
    ),
    Setting(
        "training.world-size",
        Whole(1),
        "Processes that train together, each with a device and a batch of its own.",
    ),
    Setting(
        "training.bucket-views",
        Flag(),
        "Whether gradients of DDP are views of its buckets (gradient_as_bucket_view).",
    ),
    Setting(
        "training.offload",
        Choice(OFFLOADS),
        "What is kept in host memory: optimizer states, or weights too.",
    ),
    Setting(
        "training.frozen",
        Several(Text("the name of a parameter or module")),
        "Parameters that are not trained, by name or module; * is any part of a name, [] none.",
    ),
    Setting(
        "training.lora-rank",
        Whole(1),
        "Rank of the low-rank adapters (LoRA) that are trained instead of the weights.",
    ),
    Setting(
        "training.lora-targets",
        Several(Text("the name of a module")),
        "Linear layers that get an adapter; without it, all but the last.",
    ),
    Setting("training.learning-rate", Real(), "Step size of the optimizer."),
    Setting("training.momentum", Real(0.0, 1.0), "Momentum of SGD."),
    Setting(
        "training.betas",
        Several(Real(0.0, 1.0, below=True), 2),
        "Decay rates of Adam's two averages.",
    ),
    Setting("training.weight-decay", Real(), "Weight decay, as it is passed to the optimizer."),
    Setting(
        "training.epsilon", Real(), "The term that Adam and its relatives add to the denominator."
    ),
    Setting("training.steps", Quantity(parse_count), "Optimizer steps in the whole training run."),
    Setting(
        "training.warmup-steps",
        Quantity(parse_count),
        "Steps until the learning rate reaches its full value.",
    ),
    Setting("training.loss-weight", Real(), "A factor on the whole loss."),
    Setting(
        "training.loss-scaling",
        Choice(LOSS_SCALINGS),
        "How the loss is scaled, so that fp16 gradients do not underflow.",
    ),
    Setting(
        "require.receptive-field",
        ReceptiveField(),
        "Receptive field that outputs need, in input elements or as a time.",
    ),
    Setting("require.sample-rate", Quantity(parse_hertz), "Input elements per second."),
    Setting("require.causal", Flag(), "Whether no output may look ahead in time."),
    Setting(
        "require.look-ahead",
        LookAhead(),
        "How far outputs may look ahead, in input elements or as a time.",
    ),
    Setting("require.time-axis", Whole(), "The axis of the inputs that is time."),
    Setting("require.inference-memory", Quantity(parse_bytes), "Largest memory for inference."),
    Setting("require.training-memory", Quantity(parse_bytes), "Largest memory for training."),
    Setting(
        "require.weights", Quantity(parse_bytes), "Largest size of the stored weights, in bytes."
    ),
    Setting(
        "require.step-flops", Quantity(parse_flops), "Largest number of FLOP in a training step."
    ),
    Setting("require.step-time", Quantity(parse_seconds), "Longest time of a training step."),
    Setting(
        "reserve.context",
        Quantity(parse_bytes),
        "Device memory that the driver's context and loaded kernels take.",
    ),
    Setting(
        "reserve.allocator",
        Real(),
        "What the allocator holds beyond live tensors, as a fraction of them.",
    ),
    Setting(
        "reserve.workspace",
        Quantity(parse_bytes),
        "Device memory for the workspace of convolutions.",
    ),
    Setting("reserve.other", Quantity(parse_bytes), "Device memory that other processes take."),
    Setting(
        "declared.parameters",
        Quantity(parse_count),
        "The published number of parameters.",
    ),
    Setting(
        "declared.forward-flops",
        Quantity(parse_flops),
        "The published FLOP of a forward pass of one sample.",
    ),
)

# Read by loading.py, for all files or for those of a [[per-file]] table.
SELECTION = Table.of(
    Setting("select", Several(Text("a rule's code, its family or its name")), "Rules to run."),
    Setting("ignore", Several(Text("a rule's code, its family or its name")), "Rules not to run."),
    Setting(
        "extend-select",
        Several(Text("a rule's code, its family or its name")),
        "Rules to run in addition to the default ones.",
    ),
)

# Read by loading.py: what a [[per-file]] table states beside its selection and its target.
PATTERNS = Table(
    (Setting("files", Several(Text("a path pattern")), "Files that the table applies to."),)
)

# Read by loading.py, for the whole configuration.
PROJECT = Table.of(
    Setting("extend", Text("a path"), "Another configuration file that this one extends."),
    Setting(
        "exclude", Several(Text("a path pattern")), "Files to leave out when folders are searched."
    ),
    Setting("plugins", Several(Text("a path of a Python file")), "Local plugins, by path."),
    Setting("baseline", Text("a path"), "File of known findings, which are not reported again."),
)

# Read by custom_device.py: the settings of a [devices.NAME] table.
DEVICE = Table.of(
    Setting(
        "kind", Choice(DEVICE_KINDS), "Class of the device; decides how much memory is usable."
    ),
    Setting("vendor", Text(), "Who makes it."),
    Setting("memory", Quantity(parse_bytes), "Memory of the device; SRAM of a microcontroller."),
    Setting("usable-fraction", Real(0.0, 1.0), "Fraction of the memory that one process can use."),
    Setting("bandwidth", Quantity(parse_bandwidth), "Bandwidth of that memory."),
    Setting(
        "peak-ops",
        ByName(Quantity(parse_operation_rate)),
        "Peak rate of dense operations, per second.",
    ),
    Setting("flash", Quantity(parse_bytes), "Flash memory, which holds the weights."),
    Setting(
        "largest-contiguous-sram",
        Quantity(parse_bytes),
        "Largest contiguous block that one buffer can take.",
    ),
    Setting("parameter-cache", Quantity(parse_bytes), "On-chip memory for weights."),
    Setting("arena-cache", Quantity(parse_bytes), "On-chip memory for activations."),
    Setting("dram-bandwidth", Quantity(parse_bandwidth), "Bandwidth of memory off the chip."),
    Setting("flash-bandwidth", Quantity(parse_bandwidth), "Bandwidth of the flash memory."),
    Setting("clock", Quantity(parse_hertz), "Clock frequency."),
    Setting(
        "constraints",
        Several(Text()),
        "What the device cannot run, in words; static shapes: no open sizes.",
    ),
    Setting("source", Text(), "Where the figures come from."),
    Setting("notes", Text(), "Anything else."),
)
