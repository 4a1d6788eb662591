"""Remedies for an exceeded budget: changes that were tried and fit, cheapest first."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

from msgspec.structs import replace

from archlint.api import Checkpointing, Device, Model, Target, catalogue
from archlint_rules.budget.budget import Budget, Family

if TYPE_CHECKING:
    from archlint_rules.budget.trials import Trials

_SHOWN = 4
_DEVICES = (2, 4, 8)  # that weights are spread over
_LARGER = 3  # devices that are tried
_LEANER: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "adam": ("adam-8bit", "adafactor", "sgd"),
        "adamw": ("adam-8bit", "adafactor", "sgd"),
        "nadam": ("adam-8bit", "adafactor", "sgd"),
        "adam-amsgrad": ("adam", "adam-8bit", "adafactor", "sgd"),
        "adadelta": ("rmsprop", "adafactor", "sgd"),
        "adam-8bit": ("adafactor", "sgd"),
        "rmsprop": ("adafactor", "sgd"),
        "adagrad": ("adafactor", "sgd"),
        "lion": ("adafactor", "sgd"),
        "sgd-momentum": ("sgd",),
    }
)


def advice(model: Model, family: Family, budget: Budget, otherwise: str) -> str:
    """Return the first changes that fit, with what they need; `otherwise` where there are none.

    `family` yields the budgets of a target, `budget` is the one that is exceeded.
    """
    from archlint_rules.budget.trials import Trials  # few budgets need advice

    trials = Trials(model, family, budget)
    found: list[str] = []
    for text in _tried(trials):
        found.append(text)
        if len(found) == _SHOWN:
            break
    return "; or ".join(found) or otherwise


def _tried(trials: Trials) -> Iterator[str]:
    if trials.budget.what not in {"weights", "cached weights"}:
        yield from _smaller_batch(trials)
    if trials.budget.what == "training":
        yield from _checkpointing(trials)
    if not _is_inference(trials):
        yield from _narrower_numbers(trials)
        yield from _leaner_optimizer(trials)
    yield from _quantized(trials)
    if trials.budget.what == "training":
        yield from _sharding(trials)
    if trials.budget.what in {"training", "inference", "generation"}:
        yield from _larger_device(trials)


def _smaller_batch(trials: Trials) -> Iterator[str]:
    from archlint_rules.budget.largest_batch import largest_batch

    batch = largest_batch(trials)
    if batch is None or batch.size == 0:
        return
    amount = trials.budget.write(batch.amount.high)
    which = "the largest batch that fits is" if batch.is_largest else "a batch that fits is"
    yield f"{which} {batch.size} ({amount})"


def _checkpointing(trials: Trials) -> Iterator[str]:
    """Try to checkpoint every block, where there are blocks."""
    target = trials.model.target
    if target.training.checkpointing is not None or not trials.model.facts.blocks.found:
        return
    training = replace(target.training, checkpointing=Checkpointing())
    amount = trials.fitting(replace(target, training=training))
    if amount is not None:
        yield f"training.checkpointing = 1 needs {trials.budget.write(amount.high)}"


def _sharding(trials: Trials) -> Iterator[str]:
    """Try to shard the weights over more devices, unless activations alone exceed the limit."""
    target, budget = trials.model.target, trials.budget
    if target.training.sharding is not None:
        return
    if trials.model.facts.saved.total.low > budget.limit:
        return
    for devices in _DEVICES:
        training = replace(target.training, sharding="fsdp", world_size=devices)
        amount = trials.fitting(replace(target, training=training))
        if amount is not None:
            yield f"fsdp over {devices} devices needs {budget.write(amount.high)} of each"
            return


def _leaner_optimizer(trials: Trials) -> Iterator[str]:
    """Try optimizers with less state, unless the rest alone exceeds the limit."""
    model = trials.model
    memory = model.facts.training_memory
    if trials.budget.what != "training":
        return
    if memory.peak.high - memory.state_bytes.low > trials.budget.limit:
        return
    for name in _LEANER.get(model.target.training.optimizer or "", ()):
        training = replace(model.target.training, optimizer=name)
        amount = trials.fitting(replace(model.target, training=training))
        if amount is not None:
            yield f"{name} needs {trials.budget.write(amount.high)}"
            return


def _narrower_numbers(trials: Trials) -> Iterator[str]:
    """Try number formats of 16 bits, first with the weights left in fp32."""
    target = trials.model.target
    if target.training.optimizer is None or target.training.precision != "fp32":
        return
    if trials.budget.measure(trials.model.facts).high > 2 * trials.budget.limit:
        return
    peaks = target.device.peak_ops if target.device is not None else {}
    # In pure fp16 the updates of small weights are lost, so it is never recommended.
    only_fp16 = "fp16" in peaks and "bf16" not in peaks
    for precision in ("fp16-mixed",) if only_fp16 else ("bf16-mixed", "bf16"):
        training = replace(target.training, precision=precision)
        amount = trials.fitting(replace(target, training=training))
        if amount is not None:
            yield f"precision {precision} needs {trials.budget.write(amount.high)}"
            return


def _quantized(trials: Trials) -> Iterator[str]:
    """Try int8 for deployment."""
    target = trials.model.target
    if _is_inference(trials) and target.deploy_dtype is None:
        amount = trials.fitting(replace(target, deploy_dtype="int8"))
        if amount is not None:
            yield f'deploy-dtype = "int8" needs {trials.budget.write(amount.high)}'


def _is_inference(trials: Trials) -> bool:
    return trials.budget.what in {"inference", "generation", "weights", "the arena of activations"}


def _larger_device(trials: Trials) -> Iterator[str]:
    """Try the smallest device of the same kind that has the memory."""
    model, budget = trials.model, trials.budget
    device = model.target.device
    if device is None or device.name not in budget.source or not device.usable_memory_bytes:
        return
    needed = budget.measure(model.facts).high
    larger = sorted(
        (each for each in catalogue().values() if each.kind == device.kind),
        key=lambda each: each.usable_memory_bytes or 0,
    )
    fitting = [each for each in larger if (each.own_memory_bytes or 0) >= needed]
    for each in fitting[:_LARGER]:
        amount = trials.fitting(_on(model.target, each))
        if amount is not None:
            whole = budget.write(trials.limit(_on(model.target, each)))
            yield f"{each.name} has {whole} for {budget.write(amount.high)}"
            return


def _on(target: Target, device: Device) -> Target:
    return replace(target, device=device)
