"""Optimizers by what they do to a gradient, and where their settings stand."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from archlint.api import Training

COUPLED_DECAY = frozenset({"adam", "adam-amsgrad", "adam-8bit", "nadam", "rmsprop", "adagrad"})
"""Those whose weight decay is added to the gradient, as PyTorch has them, and then rescaled."""

ADAM_LIKE = frozenset({"adam", "adamw", "adam-amsgrad", "adam-8bit", "nadam", "rmsprop"})
"""Those whose step is about the learning rate, whatever the scale of the gradient."""

SCALE_FREE = ADAM_LIKE | {"adagrad", "adadelta", "adafactor", "lion"}
"""Those that a constant factor on the gradient does not change."""

WITH_EPSILON = SCALE_FREE - {"lion"}


def place(key: str) -> tuple[str, ...]:
    """Return where a training setting stands in an architecture file."""
    return ("target", "training", key)


def decays(training: Training) -> tuple[float, float]:
    """Return beta1 and beta2, the defaults of the paper where nothing is said."""
    return training.betas or (0.9, 0.999)


def epsilon(training: Training) -> float:
    """Return what is added to the denominator; 1e-8 is the default of Adam's relatives."""
    if training.epsilon is not None:
        return training.epsilon
    return {"adagrad": 1e-10, "adadelta": 1e-6, "adafactor": 1e-30}.get(
        training.optimizer or "", 1e-8
    )
