"""Optimizers by how they treat the gradient, and the places of their settings."""

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
    """Return the place of a training setting in an architecture file."""
    return ("target", "training", key)


def decays(training: Training) -> tuple[float, float]:
    """Return beta1 and beta2, by default those of the paper."""
    return training.betas or (0.9, 0.999)


def epsilon(training: Training) -> float:
    """Return the epsilon in the denominator; 1e-8 is the default of Adam and its variants."""
    if training.epsilon is not None:
        return training.epsilon
    return {"adagrad": 1e-10, "adadelta": 1e-6, "adafactor": 1e-30}.get(
        training.optimizer or "", 1e-8
    )
