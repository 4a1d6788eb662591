"""Every budget that the target of a model sets."""

from __future__ import annotations

from collections.abc import Iterator

from archlint.api import (
    Amount,
    Device,
    Facts,
    Model,
    Target,
    format_bytes,
    format_flops,
    format_seconds,
)
from archlint_rules.budget.budget import Budget, Missing

_NO_OPTIMIZER = Missing("no optimizer is named", "name one: --optimizer adam")
_NO_DEVICE = Missing("no device is named", "name one: --device nvidia-a100-40gb")
_NANOSECONDS = 10**9


def training_memory(target: Target) -> Iterator[Budget]:
    """Yield the limits on the memory of a training step: the device's, and the user's own."""
    device, training = target.device, target.training
    limit = None if device is None else _training_limit(device)
    if device is not None and training.optimizer and limit is not None:
        source = f"the memory of {device.name}" if device.has_reserves else _usable(device)
        yield Budget("training", _on_device, limit, source, format_bytes)
    if target.require.training_memory is not None:
        yield Budget(
            "training",
            lambda facts: facts.training_memory.peak,
            target.require.training_memory,
            "require.training-memory",
            format_bytes,
            missing=None if training.optimizer else _NO_OPTIMIZER,
        )


def inference_memory(target: Target) -> Iterator[Budget]:
    """Yield the limits on the memory of a forward pass.

    On a microcontroller the weights stay in flash, and the memory holds the activations alone.
    """
    device = target.device
    if device is not None and device.usable_memory_bytes is not None:
        measure = activations if device.kind == "mcu" else _weights_and_activations
        yield Budget(
            "inference", measure, device.usable_memory_bytes, _usable(device), format_bytes
        )
    if target.require.inference_memory is not None:
        yield Budget(
            "inference",
            _weights_and_activations,
            target.require.inference_memory,
            "require.inference-memory",
            format_bytes,
        )


def generation_memory(target: Target) -> Iterator[Budget]:
    """Yield the limits on weights with the keys and values of the declared context."""
    context = target.context_length
    if context is None:
        return
    width = {"fp32": 4, "fp16": 2, "bf16": 2, "int8": 1}.get(target.deploy_dtype or "")

    def measure(facts: Facts) -> Amount:
        low = facts.deployment.weights.low
        return facts.attention_memory.cache(context, width).plus(low)

    device = target.device
    if device is not None and device.usable_memory_bytes is not None and device.kind != "mcu":
        yield Budget(
            "generation", measure, device.usable_memory_bytes, _usable(device), format_bytes
        )
    if target.require.inference_memory is not None:
        yield Budget(
            "generation",
            measure,
            target.require.inference_memory,
            "require.inference-memory",
            format_bytes,
        )


def weights(target: Target) -> Iterator[Budget]:
    """Yield the limits on the bytes of the weights: flash, a parameter cache, the user's own."""
    device = target.device
    if device is not None and device.flash_bytes is not None:
        yield Budget(
            "weights", _weights, device.flash_bytes.value, f"flash of {device.name}", format_bytes
        )
    if device is not None and device.parameter_cache_bytes is not None:
        yield Budget(
            "cached weights",
            _weights,
            device.parameter_cache_bytes.value,
            f"memory for weights on {device.name}",
            format_bytes,
        )
    if target.require.weights is not None:
        yield Budget("weights", _weights, target.require.weights, "require.weights", format_bytes)


def contiguous_memory(target: Target) -> Iterator[Budget]:
    """Yield the limit on a block of memory that holds all activations, where there are several."""
    device = target.device
    if device is not None and device.largest_contiguous_sram_bytes is not None:
        yield Budget(
            "the arena of activations",
            activations,
            device.largest_contiguous_sram_bytes.value,
            f"largest contiguous SRAM of {device.name}",
            format_bytes,
        )


def step_flops(target: Target) -> Iterator[Budget]:
    """Yield the limit on the FLOP of one step: forward and backward, or forward alone."""
    if target.require.step_flops is not None:
        trains = target.training.optimizer is not None
        yield Budget(
            "a training step" if trains else "a forward pass",
            _training_flops if trains else _forward_flops,
            target.require.step_flops,
            "require.step-flops",
            format_flops,
        )


def step_time(target: Target) -> Iterator[Budget]:
    """Yield the limit on the time of one step, in nanoseconds."""
    if target.require.step_time is not None:
        trains = target.training.optimizer is not None
        yield Budget(
            "a training step" if trains else "a forward pass",
            lambda facts: facts.step_time.nanoseconds,
            target.require.step_time * _NANOSECONDS,
            "require.step-time",
            lambda nanoseconds: format_seconds(nanoseconds / _NANOSECONDS),
            missing=_NO_DEVICE if target.device is None else None,
        )


def all_budgets(model: Model) -> Iterator[Budget]:
    """Yield every budget of the model's target."""
    families = (
        training_memory,
        inference_memory,
        contiguous_memory,
        generation_memory,
        weights,
        step_flops,
        step_time,
    )
    for family in families:
        yield from family(model.target)


def _training_limit(device: Device) -> int | None:
    """Return the bytes that a training can have, None where the memory is not known.

    Where the reserves are known by name, they are part of the amount and not of the limit.
    """
    return device.own_memory_bytes if device.has_reserves else device.usable_memory_bytes


def _usable(device: Device) -> str:
    whole = device.own_memory_bytes or 0
    if device.fraction == 1:
        return f"memory of {device.name}"
    return f"{device.fraction:.0%} of the {format_bytes(whole)} of {device.name}"


def activations(facts: Facts) -> Amount:
    """Return the activations of a runtime that plans its memory, in place or not."""
    return facts.deployment.activations


def _weights(facts: Facts) -> Amount:
    return facts.deployment.weights


def _weights_and_activations(facts: Facts) -> Amount:
    """Return what a framework takes, which gives each result a tensor of its own."""
    alive = facts.deployment.activations
    return _weights(facts) + Amount(alive.high, alive.high, alive.unknown)


def _on_device(facts: Facts) -> Amount:
    """Return what a training step takes of its device, the reserves with it."""
    memory = facts.device_memory
    return facts.training_memory.peak if memory is None else memory.total


def _forward_flops(facts: Facts) -> Amount:
    return facts.compute.forward_flops


def _training_flops(facts: Facts) -> Amount:
    return facts.compute.step_flops
