"""The state of each optimizer, and the temporaries of its step."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import prod
from types import MappingProxyType

from msgspec import Struct

_COUNTER_BYTES = 4  # PyTorch keeps the step count of each parameter as a float32 tensor


class Optimizer(Struct, frozen=True):
    """The memory of one optimizer.

    `states` is the number of state values per value of a parameter (Adam's m and v: 2; the buffer
    of SGD with momentum: 1; Rajbhandari et al. 2020, section 3.1), `state_bytes` the width of each
    where it is not the parameter's own, `counters` the number of scalars per parameter tensor, and
    `temporaries` the number of parameter-sized tensors that one update allocates; the last of them
    lives until the next parameter's is allocated. `foreach_temporaries` is the same for an update
    of all parameters at once.
    """

    states: int
    counters: int = 1
    temporaries: int = 0
    foreach_temporaries: int = 0
    state_bytes: int | None = None
    factored: bool = False


OPTIMIZERS: Mapping[str, Optimizer] = MappingProxyType(
    {
        "sgd": Optimizer(0, counters=0),
        "sgd-momentum": Optimizer(1, counters=0),
        "adam": Optimizer(2, temporaries=2, foreach_temporaries=1),
        "adamw": Optimizer(2, temporaries=2, foreach_temporaries=1),
        "adam-amsgrad": Optimizer(3, temporaries=2, foreach_temporaries=1),
        "adam-8bit": Optimizer(2, counters=0, state_bytes=1),
        "rmsprop": Optimizer(1, temporaries=1, foreach_temporaries=1),
        "adagrad": Optimizer(1, temporaries=1, foreach_temporaries=1),
        "adadelta": Optimizer(2, temporaries=2, foreach_temporaries=2),
        "nadam": Optimizer(2, counters=2, temporaries=2, foreach_temporaries=1),
        "adafactor": Optimizer(0, temporaries=2, foreach_temporaries=2, factored=True),
        "lion": Optimizer(1, counters=0, temporaries=1, foreach_temporaries=1),
    }
)


def state_bytes(optimizer: Optimizer, shape: tuple[int, ...], width: int) -> int:
    """Return the bytes that `optimizer` keeps for a parameter of `shape`, `width` bytes a value."""
    counters = optimizer.counters * _COUNTER_BYTES
    if optimizer.factored:
        return _factored_values(shape) * width + counters
    each = optimizer.state_bytes if optimizer.state_bytes is not None else width
    return optimizer.states * prod(shape) * each + counters


def step_temporaries(optimizer: Optimizer, sizes: Sequence[int], *, foreach: bool) -> int:
    """Return the peak bytes of a step's temporaries, for gradients of `sizes` bytes.

    A single-tensor step goes through the parameters one by one, a foreach step takes all at once.
    """
    if foreach:
        return optimizer.foreach_temporaries * sum(sizes)
    if not optimizer.temporaries or not sizes:
        return 0
    pairs = zip((0, *sizes[:-1]), sizes, strict=True)
    return max(last + optimizer.temporaries * size for last, size in pairs)


def _factored_values(shape: tuple[int, ...]) -> int:
    """Return the size of Adafactor's row and column statistics (Shazeer and Stern 2018).

    As in PyTorch, rows run along the last axis and columns along the second last one, for any
    leading axes: the state of a 1x1 convolution is therefore twice its own size.
    """
    if len(shape) < 2:
        return prod(shape)
    return prod(shape[:-1]) + prod(shape[:-2]) * shape[-1]
