"""What a loss saves, and the gradient that starts the backward pass."""

from __future__ import annotations

from math import prod

from msgspec import Struct

_SCALAR_BYTES = 4
_CLASS_BYTES = 8  # the index of a class is an int64


class Loss(Struct, frozen=True):
    """A loss on the outputs of a model, as PyTorch computes it.

    `target_bytes` are alive all the time, `kept_bytes` from the forward to the backward pass, and
    the `nbytes` of the loss itself from the forward pass on. `gradients` are the bytes of the
    initial gradient of each output, and `transient` those of temporaries before that;
    `forward_transient` is the same for the loss itself.
    """

    target_bytes: int = 0
    kept_bytes: int = 0
    gradients: tuple[int, ...] = ()
    transient: int = 0
    nbytes: int = _SCALAR_BYTES
    forward_transient: int = 0


def loss_of(
    kind: str | None,
    outputs: tuple[tuple[tuple[int, ...], int], ...],
    float_bytes: int = _SCALAR_BYTES,
) -> Loss:
    """Return the loss of a kind on outputs of given shapes and bytes an element.

    `mse` is the sum over the outputs of the mean square distance to a target of the output's size;
    `cross-entropy` takes the first output as class scores along its last axis and saves their
    log-softmax. Without a loss the outputs are summed, whose gradient is one number. Floats of the
    loss have `float_bytes`: under autocast narrower outputs are cast first.
    """
    sizes = tuple(prod(shape) * width for shape, width in outputs)
    wide = tuple(prod(shape) * max(width, float_bytes) for shape, width in outputs)
    if kind == "mse":
        return _distances(sizes, wide)
    if kind == "cross-entropy" and outputs:
        shape, _ = outputs[0]
        rows = prod(shape[:-1]) if shape else 1
        gradients = (sizes[0], *(0 for _ in sizes[1:]))
        # The gradient of the log-softmax, and that of the scores before it is cast back.
        transient = 2 * wide[0] - sizes[0]
        cast = wide[0] if sizes[0] < wide[0] else 0
        kept = wide[0] + _SCALAR_BYTES
        return Loss(rows * _CLASS_BYTES, kept, gradients, transient, forward_transient=cast)
    return Loss(gradients=tuple(_SCALAR_BYTES for _ in sizes))


def _distances(sizes: tuple[int, ...], wide: tuple[int, ...]) -> Loss:
    """Return the loss of mean square distances; outputs that are cast are saved after the cast.

    The mean is written into the storage of the squares, which a loss of a single mean keeps alive.
    """
    casts = tuple(large for size, large in zip(sizes, wide, strict=True) if size < large)
    nbytes = wide[0] if len(wide) == 1 else _SCALAR_BYTES
    return Loss(sum(wide), sum(casts), sizes, sum(wide) - sum(sizes), max(nbytes, _SCALAR_BYTES))
