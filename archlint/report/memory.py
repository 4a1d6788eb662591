"""The memory of inference and of a training step as a JSON document."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from archlint.analysis.amount import Amount
from archlint.report.amounts import both_ends, certainty

if TYPE_CHECKING:
    from archlint.analysis.facts import Facts


def memory_document(facts: Facts) -> dict[str, Any]:
    """Return the bytes of weights, of a forward pass and of a training step, and their peaks."""
    inference, training = facts.inference_memory.peak, facts.training_memory
    weights = facts.parameters.nbytes + facts.parameters.buffer_bytes
    state = training.state_bytes
    return {
        "weight_bytes": weights,
        "inference_activation_peak_bytes": inference.low,
        "inference_peak_bytes": weights + inference.low,
        "inference_complete": inference.complete,
        "training": {
            "parameters": facts.trained_parameters.count,
            "parameter_range": both_ends(facts.trained_count),
            "weight_bytes": training.weight_bytes,
            "gradient_bytes": training.gradient_bytes,
            "optimizer_state_bytes": state.low if state.complete else None,
            "copies": training.weights.copies,
            "communication_bytes": both_ends(training.weights.communication),
            "saved_activation_bytes": both_ends(
                facts.saved.total.widened(facts.training_step.unseen)
            ),
            "passing_bytes": training.passing,
            "peak_bytes": both_ends(training.peak.widened(facts.training_step.unseen)),
            "moment": training.moment,
            "note": facts.training_note,
        },
        "device": _device(facts),
        "deployment": _deployment(facts),
        **certainty(inference, training.peak),
    }


def _deployment(facts: Facts) -> dict[str, Any] | None:
    """Return the memory of inference on the target's device or in its number format, if given.

    On a microcontroller the weights stay in flash. A runtime that works in place needs the lower
    bound of the activations, a framework the upper bound.
    """
    device, number_format = facts.target.device, facts.target.deployed_format
    if device is None and number_format is None:
        return None
    weights, alive = facts.deployment.weights, facts.deployment.activations
    in_flash = device is not None and device.kind == "mcu"
    total = alive if in_flash else weights + Amount(alive.high, alive.high, alive.unknown)
    flash = None if device is None else device.flash_bytes
    return {
        "device": None if device is None else device.name,
        "number_format": number_format,
        "weight_bytes": both_ends(weights),
        "activation_bytes": both_ends(alive),
        "total_bytes": both_ends(total),
        "limit_bytes": None if device is None else device.usable_memory_bytes,
        "flash_bytes": None if flash is None else flash.value,
    }


def _device(facts: Facts) -> dict[str, Any] | None:
    """Return the device memory of a training step; None without a device."""
    memory = facts.device_memory
    if memory is None:
        return None
    return {
        "name": memory.device.name,
        "limit_bytes": memory.limit,
        "reserves": {name: both_ends(amount) for name, amount in memory.reserves.items()},
        "training_bytes": both_ends(memory.total),
    }
