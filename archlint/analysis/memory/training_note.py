"""Why the memory of training is an interval, in words."""

from __future__ import annotations

from collections.abc import Sequence

from archlint.analysis.memory.training import TrainingMemory
from archlint.analysis.parameters.parameters import Parameters
from archlint.analysis.training.possible_networks import PossibleNetworks
from archlint.ops.overwriting import DEPENDS_ON
from archlint.ops.restored.exported_weights import folded_parameters

_SHOWN = 3
_HIDES = (
    "an export for inference, with {}: training may keep more than the file shows; export in "
    "training mode, or set training.batch-norm and training.dropout (present or absent)"
)
_MASKS = (
    "masks of attention that depend on sizes alone may be left to the kernel in training, with "
    "keys and values that are not repeated"
)
_MERGED = "the exporter may have merged products, each of which would save tensors"
_WRITTEN = (
    "the program may call {} or write it out in steps, which saves more: export with dynamo=True"
)
_FROZEN = "{}: state in training.frozen what is not trained ([] for nothing)"
_VARIABLES = "variables of the program may hold tensors until a module returns"


def training_note(networks: PossibleNetworks, memory: TrainingMemory) -> str | None:
    """Return why the memory is an interval, or why the file shows another network; else None."""
    saved = memory.saved
    notes = _integers(networks.parameters) + _folded(networks)
    if networks.is_open:
        hidden = " and ".join(_hidden_layers(networks)) or "numbers worked out beforehand"
        notes.append(_HIDES.format(hidden))
    if networks.frozen is not None:
        notes.append(_FROZEN.format(networks.perhaps_frozen.reason))
    if networks.optional_masks.users:
        notes.append(_MASKS)
    if networks.may_repeat:
        notes.append(_MERGED)
    if networks.perhaps_written:
        notes.append(_WRITTEN.format(_shown(networks.perhaps_written)))
    notes += [f"what {op} saves depends on {what}" for op, what in saved.bounded]
    notes += [
        f"how much the backward pass of {op} needs depends on {DEPENDS_ON}"
        for op in saved.rewriting
    ]
    is_exact = saved.total.value is not None and not networks.undecided
    if is_exact and memory.peak.low < memory.peak.high and not saved.rewriting:
        notes.append(_VARIABLES)
    return "; ".join(filter(None, (*notes, *saved.reasons))) or None


def _integers(parameters: Parameters) -> list[str]:
    """Return that no gradient can change some weights: integers of a quantized model."""
    values = (each.value for each in parameters.every)
    whole = [value for value in values if value.dtype and not value.dtype.is_float]
    if not whole:
        return []
    count = sum(value.elements or 0 for value in whole)
    stored = f"{count:,} of {parameters.count:,} parameters are stored as integers"
    return [f"{stored}, which are not trained: export the model before it is quantized"]


def _folded(networks: PossibleNetworks) -> list[str]:
    """Return which parameters an exporter computed other tensors from, where that leaves doubt."""
    program, undecided = networks.program, networks.undecided
    folded = (
        (
            folded_parameters(program.graph, program.parameters.trainable),
            "the exporter folded parameters into {}",
        ),
        (undecided.sizes, "the exporter folded {}, whose size is not recorded"),
        (undecided.saved, "the exporter folded {} in an order of calls that is not recorded"),
    )
    notes = [note.format(_shown(names)) for names, note in folded if names]
    return [f"{note}: export with optimize=False" for note in notes]


def _hidden_layers(networks: PossibleNetworks) -> list[str]:
    """Return the layers that the file hides."""
    layers = []
    if networks.folded_norms and networks.target.training.batch_norm is None:
        layers.append("batch norm folded into the layers before it")
    if networks.hidden_dropouts.possible_dropouts:
        layers.append("any dropout left out")
    return layers


def _shown(names: Sequence[str]) -> str:
    """Return the first names of a list."""
    return ", ".join(names[:_SHOWN]) + ", ..." * (len(names) > _SHOWN)
