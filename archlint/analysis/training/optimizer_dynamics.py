"""What optimizers do under a constant gradient, in closed form.

The update rules are those of PyTorch: SGD with momentum as in Sutskever et al. 2013, but with the
rate outside of the momentum, and Adam (Kingma and Ba 2015, algorithm 1).

All states are zero before the first update, the gradient is the same number c at every step, and w
starts at zero. `updates` is the number t of updates made: w^(t) is the weight after t of them, and
m^(t), v^(t) are the states that the t-th one used, so that w^(t) = -rate sum_{k=1..t} m^(k). Summed
from k = 0 instead, where m^(0) = 0, the same number reads
-rate c / (1 - beta) (t + 1 - (1 - beta^(t+1)) / (1 - beta)).
"""

from __future__ import annotations

from math import sqrt

from msgspec import Struct


class Momentum(Struct, frozen=True):
    """SGD with momentum: m <- beta m + g, w <- w - rate m."""

    rate: float
    beta: float

    def momentum(self, gradient: float, updates: int) -> float:
        """Return m^(t) = c (1 - beta^t) / (1 - beta)."""
        return gradient * (1 - self.beta**updates) / (1 - self.beta)

    def weight(self, gradient: float, updates: int) -> float:
        """Return w^(t) = -rate c / (1 - beta) (t - beta (1 - beta^t) / (1 - beta))."""
        beta = self.beta
        lag = beta * (1 - beta**updates) / (1 - beta)
        return -self.rate * gradient / (1 - beta) * (updates - lag)

    def steady_step(self, gradient: float) -> float:
        """Return the size of a step once momentum has built up: rate c / (1 - beta)."""
        return self.rate * gradient / (1 - self.beta)

    def built_up(self, updates: int) -> float:
        """Return the share of its steady size that momentum has after so many updates."""
        return self.momentum(1.0, updates) * (1 - self.beta)

    def covered(self, updates: int) -> float:
        """Return the distance a weight moves, as a share of that of as many steady steps."""
        return abs(self.weight(1.0, updates) / (self.steady_step(1.0) * updates))

    @property
    def horizon(self) -> float:
        """The number of steps over which the gradient is averaged: 1 / (1 - beta)."""
        return 1 / (1 - self.beta)


class Adam(Struct, frozen=True):
    """Adam with bias correction (Kingma and Ba 2015), and without weight decay."""

    rate: float
    betas: tuple[float, float] = (0.9, 0.999)
    epsilon: float = 0.0

    def first_moment(self, gradient: float, updates: int) -> float:
        """Return m^(t) = c (1 - beta1^t)."""
        return gradient * (1 - self.betas[0] ** updates)

    def second_moment(self, gradient: float, updates: int) -> float:
        """Return v^(t) = c^2 (1 - beta2^t)."""
        return gradient * gradient * (1 - self.betas[1] ** updates)

    def corrected_first_moment(self, gradient: float) -> float:
        """Return m-hat = c, at every step."""
        return gradient

    def corrected_second_moment(self, gradient: float) -> float:
        """Return v-hat = c^2, at every step."""
        return gradient * gradient

    def weight(self, gradient: float, updates: int) -> float:
        """Return w^(t) = -rate t c / (|c| + epsilon): -rate t for any positive c and no epsilon.

        The step does not depend on the scale of the gradient, hence not on that of the loss.
        """
        return -self.steady_step(gradient) * updates

    def steady_step(self, gradient: float) -> float:
        """Return the size of a step: the rate, until epsilon is no longer small beside |c|."""
        size = sqrt(self.corrected_second_moment(gradient)) + self.epsilon
        return self.rate * self.corrected_first_moment(gradient) / size if size else 0.0

    def uncorrected_step(self, gradient: float, updates: int) -> float:
        """Return the size of a step without the bias correction: rate m^(t) / (sqrt(v^(t)) + eps).

        With beta1 = 0 it is that of RMSprop, which begins with rate / sqrt(1 - beta2).
        """
        size = sqrt(self.second_moment(gradient, updates)) + self.epsilon
        return self.rate * self.first_moment(gradient, updates) / size if size else 0.0

    def filled(self, updates: int) -> float:
        """Return the share of v-hat that v holds after so many updates: v^(t) / v-hat."""
        return self.second_moment(1.0, updates) / self.corrected_second_moment(1.0)

    @property
    def horizon(self) -> float:
        """The number of steps over which squares are averaged: 1 / (1 - beta2)."""
        return 1 / (1 - self.betas[1])


def equal_rate(momentum: Momentum, gradient: float) -> float:
    """Return the rate of Adam that makes steps as large as SGD's with momentum.

    rate_Adam = rate_SGD |c| / (1 - beta): it depends on the scale of the gradient, which is why a
    rate cannot be copied from one to the other.
    """
    return abs(momentum.steady_step(gradient))
