"""The closed forms under a constant gradient, against the update rules, step by step."""

from __future__ import annotations

from math import sqrt

import pytest

from archlint.analysis.training.optimizer_dynamics import Adam, Momentum, equal_rate

GRADIENTS = (0.01, 1.0, 250.0)
UPDATES = (0, 1, 2, 7, 100, 3000)


def momentum_steps(rule: Momentum, gradient: float, updates: int) -> tuple[float, float]:
    """Equations (6) and (7)."""
    momentum = weight = 0.0
    for _ in range(updates):
        momentum = rule.beta * momentum + gradient
        weight -= rule.rate * momentum
    return momentum, weight


def adam_steps(
    rule: Adam, gradient: float, updates: int
) -> tuple[float, float, float, float, float]:
    """Equations (1) to (5)."""
    first = second = weight = 0.0
    corrected = (gradient, gradient * gradient)
    for step in range(updates):
        first = rule.betas[0] * first + (1 - rule.betas[0]) * gradient
        second = rule.betas[1] * second + (1 - rule.betas[1]) * gradient**2
        corrected = (
            first / (1 - rule.betas[0] ** (step + 1)),
            second / (1 - rule.betas[1] ** (step + 1)),
        )
        weight -= rule.rate * corrected[0] / (sqrt(corrected[1]) + rule.epsilon)
    return first, second, *corrected, weight


@pytest.mark.parametrize("gradient", GRADIENTS)
@pytest.mark.parametrize("updates", UPDATES)
@pytest.mark.parametrize("beta", [0.0, 0.5, 0.9, 0.99])
def test_closed_forms_of_momentum_are_its_steps(gradient: float, updates: int, beta: float) -> None:
    rule = Momentum(0.1, beta)
    momentum, weight = momentum_steps(rule, gradient, updates)
    assert rule.momentum(gradient, updates) == pytest.approx(momentum)
    assert rule.weight(gradient, updates) == pytest.approx(weight)


@pytest.mark.parametrize("updates", UPDATES)
def test_the_sum_from_the_zeroth_state_is_the_same_number(updates: int) -> None:
    rate, beta, gradient = 0.1, 0.9, 3.0
    from_zero = (
        -rate * gradient / (1 - beta) * (updates + 1 - (1 - beta ** (updates + 1)) / (1 - beta))
    )
    assert Momentum(rate, beta).weight(gradient, updates) == pytest.approx(from_zero)


@pytest.mark.parametrize("gradient", GRADIENTS)
@pytest.mark.parametrize("updates", UPDATES)
@pytest.mark.parametrize("epsilon", [0.0, 1e-3])
def test_closed_forms_of_adam_are_its_steps(gradient: float, updates: int, epsilon: float) -> None:
    rule = Adam(0.001, (0.9, 0.999), epsilon)
    first, second, mean, square, weight = adam_steps(rule, gradient, updates)
    assert rule.first_moment(gradient, updates) == pytest.approx(first)
    assert rule.second_moment(gradient, updates) == pytest.approx(second)
    assert rule.corrected_first_moment(gradient) == pytest.approx(mean)
    assert rule.corrected_second_moment(gradient) == pytest.approx(square)
    assert rule.weight(gradient, updates) == pytest.approx(weight)


def test_adam_does_not_see_the_scale_of_the_gradient_and_momentum_does() -> None:
    adam, momentum = Adam(0.001), Momentum(0.1, 0.9)
    assert adam.weight(1e-6, 50) == pytest.approx(adam.weight(1e6, 50)) == pytest.approx(-0.05)
    assert momentum.weight(2.0, 50) == pytest.approx(2 * momentum.weight(1.0, 50))


def test_equal_rates_make_equal_steps() -> None:
    momentum, gradient = Momentum(0.1, 0.9), 0.02
    adam = Adam(equal_rate(momentum, gradient))
    settled = momentum.weight(gradient, 2001) - momentum.weight(gradient, 2000)
    assert adam.weight(gradient, 1) == pytest.approx(settled)


@pytest.mark.parametrize("updates", UPDATES[1:])
@pytest.mark.parametrize("beta", [0.0, 0.5, 0.9, 0.99])
def test_the_shares_of_momentum_are_those_of_its_steps(updates: int, beta: float) -> None:
    rule, gradient = Momentum(0.1, beta), 3.0
    momentum, weight = momentum_steps(rule, gradient, updates)
    full = rule.steady_step(gradient)
    assert rule.built_up(updates) == pytest.approx(rule.rate * momentum / full)
    assert rule.covered(updates) == pytest.approx(-weight / (full * updates))


@pytest.mark.parametrize("updates", UPDATES[1:])
def test_adam_without_a_first_moment_and_without_correction_is_rmsprop(updates: int) -> None:
    decay, gradient, epsilon = 0.99, 0.02, 1e-8
    square = 0.0
    for _ in range(updates):
        square = decay * square + (1 - decay) * gradient**2
    step = 0.1 * gradient / (sqrt(square) + epsilon)
    rule = Adam(0.1, (0.0, decay), epsilon)
    assert rule.uncorrected_step(gradient, updates) == pytest.approx(step)
    assert rule.filled(updates) == pytest.approx(square / gradient**2)
