"""Every budget that the target of a model sets."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from archlint.api import (
    Amount,
    Composed,
    Device,
    Model,
    Sourced,
    Target,
    format_bytes,
    format_flops,
    format_seconds,
)
from archlint_rules.budget.budget import Budget, Missing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from archlint.api import Facts

_NO_OPTIMIZER = Missing("no optimizer is named", "name one: --optimizer adam")
_NO_DEVICE = Missing("no device is named", "name one: --device nvidia-a100-40gb")
_DEVICE = "device"
_NANOSECONDS = 10**9


def training_memory(target: Target) -> Iterator[Budget]:
    """Yield the limits on the memory of a training step: the device's, and the user's own."""
    device, training = target.device, target.training
    if device is not None and training.optimizer:
        source = f"the memory of {device.name}" if device.has_reserves else _usable(device)
        yield from _limit(
            "training",
            Composed((_peak, _convolved), _with_reserves),
            device.training_memory_bytes,
            _DEVICE,
            source,
            has_formula=not device.has_reserves,
        )
    yield from _limit(
        "training",
        _peak,
        target.require.training_memory,
        "require.training-memory",
        missing=None if training.optimizer else _NO_OPTIMIZER,
    )


def inference_memory(target: Target) -> Iterator[Budget]:
    """Yield the limits on the memory of a forward pass.

    On a microcontroller the weights stay in flash, and the memory holds the activations alone.
    """
    device = target.device
    if device is not None:
        measure = activations if device.kind == "mcu" else _weights_and_activations
        yield from _limit(
            "inference", measure, device.usable_memory_bytes, _DEVICE, _usable(device)
        )
    yield from _limit(
        "inference",
        _weights_and_activations,
        target.require.inference_memory,
        "require.inference-memory",
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
    if device is not None and device.kind != "mcu":
        yield from _limit(
            "generation", measure, device.usable_memory_bytes, _DEVICE, _usable(device)
        )
    yield from _limit(
        "generation", measure, target.require.inference_memory, "require.inference-memory"
    )


def weights(target: Target) -> Iterator[Budget]:
    """Yield the limits on the bytes of the weights: flash, a parameter cache, the user's own."""
    device = target.device
    if device is not None:
        flash, cache = device.flash_bytes, device.parameter_cache_bytes
        yield from _limit("weights", _weights, _value(flash), _DEVICE, f"flash of {device.name}")
        source = f"memory for weights on {device.name}"
        yield from _limit("cached weights", _weights, _value(cache), _DEVICE, source)
    yield from _limit("weights", _weights, target.require.weights, "require.weights")


def contiguous_memory(target: Target) -> Iterator[Budget]:
    """Yield the limit on a block of memory that holds all activations, where there are several."""
    device = target.device
    if device is not None:
        block = _value(device.largest_contiguous_sram_bytes)
        source = f"largest contiguous SRAM of {device.name}"
        yield from _limit("the arena of activations", activations, block, _DEVICE, source)


def step_flops(target: Target) -> Iterator[Budget]:
    """Yield the limit on the FLOP of one step: forward and backward, or forward alone."""
    yield from _limit(
        _step(target),
        _training_flops if target.training.optimizer else _forward_flops,
        target.require.step_flops,
        "require.step-flops",
        write=format_flops,
    )


def step_time(target: Target) -> Iterator[Budget]:
    """Yield the limit on the time of one step, in nanoseconds."""
    seconds = target.require.step_time
    yield from _limit(
        _step(target),
        lambda facts: facts.step_time.nanoseconds,
        None if seconds is None else seconds * _NANOSECONDS,
        "require.step-time",
        write=lambda nanoseconds: format_seconds(nanoseconds / _NANOSECONDS),
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


def _limit(  # noqa: PLR0913 - the parts of a budget
    what: str,
    measure: Callable[[Facts], Amount],
    limit: float | None,
    setting: str,
    source: str = "",
    *,
    write: Callable[[float], str] = format_bytes,
    missing: Missing | None = None,
    has_formula: bool = True,
) -> Iterator[Budget]:
    """Yield a budget if there is a limit; its source is its setting unless `source` is given."""
    if limit is not None:
        source = source or setting
        yield Budget(what, measure, limit, setting, source, write, missing, has_formula)


def _value(fact: Sourced | None) -> int | None:
    return None if fact is None else fact.value


def _step(target: Target) -> str:
    return "a training step" if target.training.optimizer else "a forward pass"


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
    """Return the memory of a framework, which allocates a tensor for each result."""
    alive = facts.deployment.activations
    return _weights(facts) + Amount(alive.high, alive.high, alive.unknown)


def _peak(facts: Facts) -> Amount:
    return facts.training_memory.peak


def _convolved(facts: Facts) -> Amount:
    """Return the bytes that convolutions move, by which their workspace is reserved."""
    memory = facts.device_memory
    return Amount() if memory is None else Amount.exact(memory.convolved or 0)


def _with_reserves(facts: Facts, parts: Sequence[Amount]) -> Amount:
    """Return the device memory of a training step, including reserves."""
    peak, convolved = parts
    memory = facts.device_memory
    if memory is None:
        return peak
    moved = None if memory.convolved is None else convolved.low
    return replace(memory, peak=peak, convolved=moved).total


def _forward_flops(facts: Facts) -> Amount:
    return facts.compute.forward_flops


def _training_flops(facts: Facts) -> Amount:
    return facts.training_compute.step_flops
