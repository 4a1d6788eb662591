"""What a loss keeps, and the gradient that it begins the backward pass with."""

from __future__ import annotations

from math import prod

from archlint.record import record

_SCALAR_BYTES = 4
_CLASS_BYTES = 8  # the index of a class is an int64


@record
class Loss:
    """A loss on the outputs of a model, as PyTorch computes it.

    `target_bytes` are alive all the time and `kept_bytes` from the forward to the backward pass.
    `gradients` is the bytes that the gradient of each output begins with, and `transient` what is
    made and dropped before that.
    """

    target_bytes: int = 0
    kept_bytes: int = _SCALAR_BYTES
    gradients: tuple[int, ...] = ()
    transient: int = 0


def loss_of(kind: str | None, outputs: tuple[tuple[tuple[int, ...], int], ...]) -> Loss:
    """Return the loss of a kind on outputs of given shapes and bytes an element.

    `mse` is the sum over the outputs of the mean square distance to a target of the output's size;
    `cross-entropy` takes the first output as scores of classes along its last axis and keeps their
    log-softmax in fp32. Without a loss the outputs are summed, whose gradient is one number.
    """
    sizes = tuple(prod(shape) * width for shape, width in outputs)
    if kind == "mse":
        return Loss(sum(sizes), _SCALAR_BYTES * len(sizes), sizes)
    if kind == "cross-entropy" and outputs:
        shape, _ = outputs[0]
        scores = prod(shape) * _SCALAR_BYTES
        rows = prod(shape[:-1]) if shape else 1
        gradients = (sizes[0], *(0 for _ in sizes[1:]))
        return Loss(rows * _CLASS_BYTES, scores + 2 * _SCALAR_BYTES, gradients, scores)
    return Loss(gradients=tuple(_SCALAR_BYTES for _ in sizes))
